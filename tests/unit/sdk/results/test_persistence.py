"""Stored results of runs: what is stored, where, and what happens where storing fails."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from alisio import State, flow, task
from alisio.exceptions import SettingsError
from alisio.results import ResultStore
from alisio.results.reference import StoredResult
from alisio.states import Completed
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.folders import files_in


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
    [path] = files_in(storage)
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
    assert 3 == len(files_in(storage))


def test_a_setting_stores_all_results(server: MemoryServer, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ALISIO_RESULTS_PERSIST_BY_DEFAULT` stores what says nothing, where `ALISIO_LOCAL_STORAGE_PATH` says."""
    monkeypatch.setenv("ALISIO_RESULTS_PERSIST_BY_DEFAULT", "true")
    monkeypatch.setenv("ALISIO_LOCAL_STORAGE_PATH", str(storage.parent / "elsewhere"))

    @flow
    def empty() -> int:
        return 5

    empty()
    [path] = files_in(storage.parent / "elsewhere")
    assert 5 == StoredResult(path.as_uri()).read()


def test_settings_say_where_and_how(server: MemoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ALISIO_RESULTS_DEFAULT_STORAGE` and `…_SERIALIZER` hold where flows say nothing, and may name an address."""
    monkeypatch.setenv("ALISIO_RESULTS_DEFAULT_STORAGE", f"file://{tmp_path}/there")
    monkeypatch.setenv("ALISIO_RESULTS_DEFAULT_SERIALIZER", "compressed/json")

    @flow(persist_result=True)
    def main() -> int:
        return 5

    main()
    [path] = files_in(tmp_path / "there")
    assert b'"compressed/json"' in path.read_bytes()
    assert 5 == ResultStore().read(f"{path.parent.name}/{path.name}").result
    monkeypatch.setenv("ALISIO_RESULTS_DEFAULT_SERIALIZER", "xml")
    with pytest.raises(SettingsError, match="ALISIO_RESULTS_DEFAULT_SERIALIZER must be pickle or json or"):
        main()


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
    by_flow = [json.loads(path.read_bytes().partition(b"\n")[0]) for path in files_in(tmp_path / "flow")]
    assert ["json", "json"] == [header["serializer"] for header in by_flow]
    [own] = files_in(tmp_path / "own")
    assert b'"compressed/pickle"' in own.read_bytes()


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
    assert [] == files_in(storage)


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
    assert [] == files_in(storage)


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
    assert list(range(50)) == sorted(StoredResult(path.as_uri()).read() for path in files_in(storage))
