"""A later attempt of a flow run takes what an earlier one has stored, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from alisio import State, flow, task
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.folders import files_in


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
            [path] = files_in(storage)
            path.write_bytes(path.read_bytes()[:-2])
            raise ValueError("once")
        return result

    assert 2 == main()
    assert any("stored result could not be used, so it ran again" in message for message in server.only_run().messages)


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
    away = "ConnectionError: the store is away"
    again = f"its stored result could not be used, so it ran again: {away}; "
    assert [f"{before}its result is not stored: {away}" for before in ("", again)] == messages


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
