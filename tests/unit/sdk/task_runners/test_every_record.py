"""One table over every task runner: what stays in the flow's process: results, caches, hooks, transactions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from alisio import flow, runtime, task
from alisio.cache_policies import INPUTS
from alisio.transactions import BaseTransaction, get_transaction
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.task_runners.conftest import ALL, REMOTE, MakeRunner, on


@on(*ALL)
def test_stored_results(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """A stored result is taken by the flow's next attempt, and the task is not sent again."""
    calls = tmp_path / "calls"

    @style.task(persist_result=True)
    def once(n: int) -> int:
        with calls.open("a") as file:
            file.write(f"{n}\n")
        return n * n

    @style.flow(task_runner=make_runner(), retries=1, result_storage=tmp_path / "results")
    def resumes() -> Any:
        squares = once.map([1, 2, 3]).result()
        if runtime.flow_run.run_count == 1:
            raise ValueError("again")
        return squares

    assert [1, 4, 9] == style.run(resumes)
    assert ["1", "2", "3"] == sorted(calls.read_text().split())


@on(*ALL)
def test_hooks_and_caches(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """Hooks are called in the flow's own process; what is cached is not sent to a worker again."""
    heard: list[str] = []
    calls = tmp_path / "calls"

    @style.task(
        cache_policy=INPUTS, on_completion=[lambda task, run, state: heard.append(f"{os.getpid()} {state.name}")]
    )
    def square(n: int) -> int:
        with calls.open("a") as file:
            file.write("x")
        return n * n

    @style.flow(task_runner=make_runner(), result_storage=tmp_path / "results")
    def squares() -> Any:
        return {"squares": [square.submit(7).result(), square.submit(7).result()]}

    assert {"squares": [49, 49]} == style.run(squares)
    assert [f"{os.getpid()} Completed", f"{os.getpid()} Cached"] == heard
    assert "x" == calls.read_text()


@on(*ALL)
def test_values_of_a_transaction(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """What a task sets in its transaction is there for its hooks, which are called in the flow's process."""
    heard: list[Any] = []

    def tell(txn: BaseTransaction) -> None:
        heard.append((os.getpid(), txn.get("rows"), txn.get("none", None)))

    @style.task(on_commit=[tell])
    def write(n: int) -> int:
        txn = get_transaction()
        assert txn is not None
        txn.set("rows", [n, n])
        return n

    @style.flow(task_runner=make_runner())
    def writes() -> Any:
        return write.map([1, 2]).result()

    assert [1, 2] == style.run(writes)
    assert [(os.getpid(), [1, 1], None), (os.getpid(), [2, 2], None)] == sorted(heard)


@on(*REMOTE)
def test_a_value_that_stays_in_the_worker(server: MemoryServer, make_runner: MakeRunner) -> None:
    """A value that cannot travel is not there for hooks, and the run's log says so; the others are."""
    heard: list[Any] = []

    @task(on_commit=[lambda txn: heard.append((txn.get("lock", "gone"), txn.get("word")))])
    def lock() -> None:
        import threading

        txn = get_transaction()
        assert txn is not None
        txn.set("lock", threading.Lock())
        txn.set("word", "said")

    @flow(task_runner=make_runner())
    def locks() -> None:
        lock.submit().wait()

    locks()
    assert [("gone", "said")] == heard
    assert any("what was set as 'lock' in the transaction stays" in line for line in server.only_run().messages)
