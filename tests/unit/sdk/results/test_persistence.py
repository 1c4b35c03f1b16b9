"""Stored results of runs: what is stored, what an attempt finds again, and what happens where storing fails."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from alisio import State, flow, tags, task
from alisio.results.reference import StoredResult
from alisio.states import Completed
from tests.unit.sdk.conftest import MemoryServer, Style


@pytest.fixture
def storage(server: MemoryServer) -> Path:
    """The folder where results are stored, where nothing else is said."""
    return Path(os.environ["ALISIO_HOME"]) / "storage"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_nothing_is_stored_unasked(server: MemoryServer, storage: Path, style: Style) -> None:
    """Without options and settings no file is written, and no state says of one."""

    @style.task()
    def one() -> int:
        return 1

    style.run_task(one)
    assert None is server.only_run().tasks["one-0"].states[-1].result
    assert not storage.exists()


def test_a_stored_result_is_told_with_the_state(server: MemoryServer, storage: Path, style: Style) -> None:
    """The server is told where the result of a task lies, and anybody can read it from there."""

    @style.task(persist_result=True)
    def pair() -> tuple[str, int]:
        return "one", 1

    assert ("one", 1) == style.run_task(pair)
    run = server.only_run()
    [path] = _files(storage)
    told = run.tasks["pair-0"].states[-1]
    assert (path.as_uri(), str(run.id)) == (told.result, path.parent.name)
    assert ("one", 1) == State.from_record(told).result()
    assert None is run.state.result


def test_a_flow_stores_its_own_result_and_those_of_its_tasks(server: MemoryServer, storage: Path, style: Style) -> None:
    """`persist_result` on a flow holds for its tasks and subflows, unless they say otherwise."""

    @task
    def kept() -> int:
        return 1

    @task(persist_result=False)
    def not_kept() -> int:
        return 2

    @flow
    def inner() -> int:
        return 3

    @style.flow(persist_result=True)
    def outer() -> int:
        return kept() + not_kept() + inner()

    assert 6 == style.run(outer)
    run = server.only_run()
    assert 6 == State.from_record(run.state).result()
    assert [True, False] == [run.tasks[name].states[-1].result is not None for name in ("kept-0", "not_kept-0")]
    [subflow] = run.subflows.values()
    assert 3 == State.from_record(subflow.states[-1]).result()
    assert 3 == len(_files(storage))


def test_a_setting_stores_all_results(server: MemoryServer, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ALISIO_RESULTS_PERSIST_BY_DEFAULT` stores what says nothing, where `ALISIO_LOCAL_STORAGE_PATH` says."""
    monkeypatch.setenv("ALISIO_RESULTS_PERSIST_BY_DEFAULT", "true")
    monkeypatch.setenv("ALISIO_LOCAL_STORAGE_PATH", str(storage.parent / "elsewhere"))

    @flow
    def empty() -> int:
        return 5

    empty()
    [path] = _files(storage.parent / "elsewhere")
    assert 5 == StoredResult(path.as_uri()).read()


@pytest.mark.parametrize(
    "options", [{"result_serializer": "json"}, {"result_storage": "."}, {"result_storage_key": "k"}]
)
def test_saying_how_is_saying_that(
    server: MemoryServer, options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that says where or how its result is stored has it stored."""
    monkeypatch.chdir(tmp_path)
    one = task(**options)(lambda: 1)  # type: ignore[call-overload]

    @flow
    def main() -> None:
        one()

    main()
    assert 1 == State.from_record(server.only_run().tasks["<lambda>-0"].states[-1]).result()


def test_storage_and_serializer_of_the_flow_hold_within_it(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """Tasks store their results where and how their flow does; their own options go before."""

    @style.task()
    def inherits() -> int:
        return 1

    @style.task(result_serializer="compressed/pickle", result_storage=tmp_path / "own")
    def says() -> int:
        return 2

    async def body() -> None:
        await inherits()
        await says()

    def sync_body() -> None:
        inherits()
        says()

    main = flow(result_storage=tmp_path / "flow", result_serializer="json")(body if style.is_async else sync_body)
    style.run(main)
    by_flow = [json.loads(path.read_bytes().partition(b"\n")[0]) for path in _files(tmp_path / "flow")]
    assert ["json", "json"] == [header["serializer"] for header in by_flow]
    [own] = _files(tmp_path / "own")
    assert b'"compressed/pickle"' in own.read_bytes()


def test_a_second_attempt_runs_only_what_is_not_stored(server: MemoryServer, style: Style) -> None:
    """A flow that is retried gets stored results of tasks without running them, each its own, and logs that."""
    calls: list[str] = []

    @style.task()
    def step(name: str) -> str:
        calls.append(name)
        if name == "fails once" and calls.count(name) == 1:
            raise ValueError("this time")
        return f"{name} #{len(calls)}"

    async def body() -> list[str]:
        results = []
        for name in ("a", "b", "a", "fails once", "c"):
            outcome = step(name)
            results.append(await outcome if style.is_async else outcome)
        return results

    def sync_body() -> Any:
        return [step(name) for name in ("a", "b", "a", "fails once", "c")]

    main = flow(retries=1, persist_result=True)(body if style.is_async else sync_body)
    assert ["a #1", "b #2", "a #3", "fails once #5", "c #6"] == style.run(main)
    assert ["a", "b", "a", "fails once", "fails once", "c"] == calls
    run = server.only_run()
    found = [news for news in run.task_runs.values() if len(news.states) == 1]
    assert [("Completed", "its result was stored by an earlier attempt")] * 3 == [
        (news.states[-1].name, news.states[-1].message) for news in found
    ]
    assert 3 == run.messages.count("not run: its result was stored by an earlier attempt")


def test_submitted_and_mapped_tasks_are_found_again(server: MemoryServer) -> None:
    """Results are found by the inputs themselves, though futures brought them, and though order differs."""
    calls: list[int] = []

    @task
    def double(n: int) -> int:
        calls.append(n)
        return 2 * n

    @flow(retries=1, persist_result=True)
    def main() -> int:
        first = double.map([1, 2, 3] if not calls else [3, 2, 1])
        total = sum(double.map(first).result())
        if len(calls) == 6 and not again:
            again.append(1)
            raise ValueError("once")
        return total

    again: list[int] = []
    assert 24 == main()
    assert [1, 2, 2, 3, 4, 6] == sorted(calls)


def test_runs_alike_are_told_apart_by_when_they_were_submitted(server: MemoryServer) -> None:
    """Each gets its own result back, though threads begin them in another order in the second attempt."""

    def make(n: int) -> Any:
        @task
        def constant() -> int:
            return n

        return constant

    @task(persist_result=False)
    def gate(opened: threading.Event) -> None:
        opened.wait()

    @flow(retries=1, persist_result=True)
    def main() -> list[int]:
        gates = [threading.Event(), threading.Event()]
        futures = [make(n).submit(wait_for=[gate.submit(opened)]) for n, opened in enumerate(gates)]
        for place in (0, 1) if not results else (1, 0):
            gates[place].set()
            futures[place].wait()
        results.append([future.result() for future in futures])
        if len(results) == 1:
            raise ValueError("once")
        return results[-1]

    results: list[list[int]] = []
    assert [0, 1] == main()
    assert 2 == server.only_run().messages.count("not run: its result was stored by an earlier attempt")


def test_a_subflow_is_not_run_again(server: MemoryServer) -> None:
    """A subflow whose result is stored is not called by the next attempt; one that failed resumes within."""
    calls: list[str] = []

    @task
    def step(name: str) -> str:
        calls.append(name)
        return name

    @flow
    def whole(n: int) -> int:
        calls.append(f"whole {n}")
        return n

    @flow
    def fails_once() -> str:
        done = step("within")
        calls.append("fails")
        if calls.count("fails") == 1:
            raise ValueError("once")
        return done

    @flow(retries=1, persist_result=True)
    def main() -> Any:
        return [whole(1), whole(1), whole(2), fails_once()]

    assert [1, 1, 2, "within"] == main()
    assert ["whole 1", "whole 1", "whole 2", "within", "fails", "fails"] == calls


def test_each_flow_run_has_its_own_results(server: MemoryServer) -> None:
    """Another run of a flow finds nothing of the first: results are not a cache across runs."""
    calls: list[int] = []

    @task(persist_result=True)
    def step() -> int:
        calls.append(1)
        return len(calls)

    @flow
    def main() -> int:
        return step()

    assert [1, 2] == [main(), main()]


def test_methods_of_two_objects_are_told_apart(server: MemoryServer) -> None:
    """The object that a method is bound to is one of its inputs."""
    calls: list[str] = []

    class Town:
        def __init__(self, name: str) -> None:
            self.name = name

        @task(persist_result=True)
        def greet(self) -> str:
            calls.append(self.name)
            return f"hello {self.name}"

    @flow(retries=1)
    def main() -> list[str]:
        towns = ["Lugo", "Vigo"] if not calls else ["Vigo", "Lugo"]
        greetings = [Town(name).greet() for name in towns]
        if len(calls) == 2 and not again:
            again.append(1)
            raise ValueError("once")
        return greetings

    again: list[int] = []
    assert ["hello Vigo", "hello Lugo"] == main()
    assert ["Lugo", "Vigo"] == calls


def test_a_damaged_result_is_not_used(server: MemoryServer, storage: Path) -> None:
    """A file that a crash of the machine has cut off is not read: the task runs again, and the log says why."""
    calls: list[int] = []

    @task(persist_result=True)
    def step() -> int:
        calls.append(1)
        return len(calls)

    @flow(retries=1)
    def main() -> int:
        result = step()
        if result == 1:
            [path] = _files(storage)
            path.write_bytes(path.read_bytes()[:-2])
            raise ValueError("once")
        return result

    assert 2 == main()
    assert any("stored result cannot be used" in message for message in server.only_run().messages)


def test_a_result_that_cannot_be_serialised_is_a_warning(server: MemoryServer, storage: Path, style: Style) -> None:
    """The run goes on with what is in memory; its state and its log say what was not stored, and why."""
    lock = threading.Lock()

    @style.task(persist_result=True)
    def unfit() -> Any:
        return lock

    assert lock is style.run_task(unfit)
    run = server.only_run()
    told = run.tasks["unfit-0"].states[-1]
    assert ("COMPLETED", None) == (told.type, told.result)
    assert told.message is not None and told.message.startswith("its result is not stored: TypeError: cannot pickle")
    assert any(line.level == 30 and "is not stored" in line.message for line in run.logs)
    assert [] == _files(storage)


class Away:
    """A store that does not answer."""

    def exists(self, key: str) -> bool:
        raise ConnectionError("the store is away")

    def read(self, key: str) -> bytes:
        raise ConnectionError("the store is away")

    def write(self, key: str, content: bytes) -> None:
        raise ConnectionError("the store is away")


def test_a_store_that_is_away_does_not_stop_a_run(server: MemoryServer) -> None:
    """Neither reading nor writing fails a task: it runs, and says that its result is not stored."""
    calls: list[int] = []

    @task(result_storage=Away())
    def step() -> int:
        calls.append(1)
        return len(calls)

    @flow(retries=1)
    def main() -> int:
        if step() == 1:
            raise ValueError("once")
        return 0

    assert 0 == main()
    assert 2 == len(calls)
    messages = [news.states[-1].message for news in server.only_run().task_runs.values()]
    assert ["its result is not stored: ConnectionError: the store is away"] * 2 == messages


def test_inputs_that_cannot_be_hashed_are_told(server: MemoryServer) -> None:
    """A task whose argument no other process could know again is stored all the same, but not found again."""
    calls: list[int] = []

    @task(persist_result=True)
    def step(lock: Any) -> int:
        calls.append(1)
        return len(calls)

    @flow(retries=1)
    def main() -> int:
        result = step(threading.Lock())
        if result == 1:
            raise ValueError("once")
        return result

    assert 2 == main()
    run = server.only_run()
    assert any("will run this again: its inputs cannot be hashed" in message for message in run.messages)
    assert [1, 2] == sorted(State.from_record(news.states[-1]).result() for news in run.task_runs.values())


def test_a_key_finds_what_has_inputs_that_cannot_be_hashed(server: MemoryServer, tmp_path: Path) -> None:
    """Nobody is warned of what does not happen: a key of its own leads to the result, whatever the inputs."""

    @task(result_storage=tmp_path, result_storage_key="once")
    def step(lock: Any) -> int:
        return 7

    @flow
    def main() -> list[int]:
        return [step(threading.Lock()), step(threading.Lock())]

    assert [7, 7] == main()
    assert not any("hashed" in message for message in server.only_run().messages)


def test_a_loop_goes_on_while_a_result_is_read(server: MemoryServer) -> None:
    """What is not in memory is read in a thread: the event loop is free meanwhile."""
    where: list[int] = []

    class Store:
        def __init__(self) -> None:
            self.content: dict[str, bytes] = {}

        def exists(self, key: str) -> bool:
            return key in self.content

        def read(self, key: str) -> bytes:
            where.append(threading.get_ident())
            return self.content[key]

        def write(self, key: str, content: bytes) -> None:
            self.content[key] = content

    @task(result_storage=Store(), cache_result_in_memory=False)
    async def step() -> int:
        return 7

    @flow
    async def main() -> tuple[int, int]:
        return await step(), threading.get_ident()

    result, loop = asyncio.run(main())
    assert 7 == result
    assert loop not in where
    assert [] != where


def test_a_key_of_ones_own(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """`result_storage_key` names the file, by parameters and what the runtime knows of the run."""

    @style.task(
        result_storage=tmp_path, result_storage_key="{flow_run.flow_name}/{parameters[name]}-{task_run.task_name}"
    )
    def hello(name: str = "world") -> str:
        return f"hello {name}"

    with tags("any"):
        style.run_task(hello, name="Lugo")
    assert [tmp_path / "around" / "Lugo-hello"] == _files(tmp_path)


def test_what_is_there_under_a_key_is_taken(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """A result under a task's own key is not made again, by another run either: that one is Cached."""
    calls: list[int] = []

    @style.task(result_storage=tmp_path, result_storage_key="once")
    def step() -> int:
        calls.append(1)
        return 7

    assert [7, 7] == [style.run_task(step), style.run_task(step)]
    assert [1] == calls
    names = [[state.name for state in run.tasks["step-0"].states] for run in _all_runs(server)]
    assert [["Running", "Completed"], ["Cached"]] == names


def _all_runs(server: MemoryServer) -> list[Any]:
    from alisio.engine import reporter

    assert reporter.current_reporter().flush(10)
    return list(server.runs.values())


@pytest.mark.parametrize("key", ["../{parameters[name]}", "{parameters[nothing]}", "x" * 3_000])
def test_a_key_that_cannot_be_used_is_a_warning(server: MemoryServer, tmp_path: Path, key: str) -> None:
    """A template that does not fit, or leads out of the folder, costs the stored result and nothing else."""

    @task(result_storage=tmp_path / "inner", result_storage_key=key)
    def step(name: str) -> int:
        return 7

    @flow
    def main() -> int:
        return step("x")

    assert 7 == main()
    message = server.only_run().tasks["step-0"].states[-1].message
    assert message is not None and message.startswith("its result is not stored: ")
    assert [] == list(tmp_path.iterdir())


def test_a_result_need_not_stay_in_memory(server: MemoryServer, style: Style) -> None:
    """With `cache_result_in_memory=False` a state only knows where its result lies; who asks gets it."""

    @style.task(persist_result=True, cache_result_in_memory=False)
    def large() -> list[int]:
        return [1, 2]

    state = style.run_task(large, return_state=True)
    assert isinstance(state.data, StoredResult)
    assert [1, 2] == state.result()
    assert state.result() is not state.result()


def test_a_future_gives_what_is_not_in_memory(server: MemoryServer) -> None:
    """Futures, and tasks that depend on them, read a stored result where it is needed."""

    @task(persist_result=True, cache_result_in_memory=False)
    def large() -> list[int]:
        return [1, 2]

    @task
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @flow(persist_result=True, cache_result_in_memory=False)
    def main() -> Any:
        future = large.submit()
        assert 3 == total.submit(future).result()
        return future

    assert [1, 2] == main()


def test_a_state_that_is_returned_is_stored(server: MemoryServer) -> None:
    """The data of a `Completed` that a flow returns is its result; name and message stay as they are."""

    @flow(persist_result=True)
    def main() -> Any:
        return Completed(name="Fine", message="all well", data=4)

    assert 4 == main()
    state = server.only_run().state
    assert ("Fine", "all well", 4) == (state.name, state.message, State.from_record(state).result())


def test_a_failure_is_not_stored(server: MemoryServer, storage: Path) -> None:
    """Only the results of what completed are stored."""

    @flow(persist_result=True)
    def main() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        main()
    assert [] == _files(storage)


def test_asynchronous_tasks_side_by_side_are_each_stored(server: MemoryServer, storage: Path) -> None:
    """Fifty tasks that store at once, in one event loop, leave fifty whole files."""

    @task(persist_result=True)
    async def number(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @flow
    async def main() -> list[int]:
        return await asyncio.gather(*(number(n) for n in range(50)))

    assert list(range(50)) == asyncio.run(main())
    assert list(range(50)) == sorted(StoredResult(path.as_uri()).read() for path in _files(storage))


def test_a_task_outside_of_flows(server: MemoryServer, tmp_path: Path) -> None:
    """A task that no flow calls stores its result if it asks for that itself."""

    @task(result_storage=tmp_path, result_storage_key="alone")
    def step() -> int:
        return 3

    assert 3 == step()
    assert 3 == StoredResult((tmp_path / "alone").as_uri()).read()
