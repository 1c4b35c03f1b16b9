"""Transactions in flows: what the server is told, values, hooks, and what belongs to one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from alisio import State, flow, task
from alisio.task_runners import ProcessPoolTaskRunner
from alisio.transactions import atransaction, get_transaction, transaction
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.shelf import Shelf
from tests.unit.sdk.transactions.programs import Block, BoomError, Machine, Step


def _told(server: MemoryServer) -> dict[str, tuple[str, bool]]:
    """Give the last state's name of each task run, and whether it says where the result lies."""
    runs = server.all_runs()[-1].tasks
    return {name: (news.states[-1].name, news.states[-1].result is not None) for name, news in runs.items()}


def test_the_server_hears_what_was_rolled_back(server: MemoryServer, style: Style) -> None:
    """A task that was undone is named RolledBack, is still COMPLETED, and says nothing of a stored result."""
    Machine(style).run(Block((Step("a", cached=True), Step("b", fails=True))))
    assert {"a": ("RolledBack", False), "b": ("Failed", False)} == _told(server)
    states = server.only_run().tasks["a"].states
    assert ["Running", "Completed", "RolledBack"] == [state.name for state in states]
    assert "COMPLETED" == states[-1].type
    assert states[-1].message is not None and states[-1].message.startswith("rolled back")


def test_the_server_hears_where_a_result_lies_once_it_is_committed(server: MemoryServer, style: Style) -> None:
    """A result within a transaction is stored when that is committed, and the state says where."""
    machine = Machine(style)
    assert ["run a", "run b", "commit a", "commit b"] == machine.run(Block((Step("a", cached=True), Step("b"))))
    assert {"a": ("Completed", True), "b": ("Completed", True)} == _told(server)
    assert "a" in machine.shelf.content


def test_a_result_that_need_not_stay_in_memory_stays_until_it_is_stored(server: MemoryServer, tmp_path: Path) -> None:
    """With `cache_result_in_memory=False` the state holds the value until the commit, and then only the reference."""

    @task(persist_result=True, cache_result_in_memory=False)
    def large() -> list[int]:
        return [1, 2]

    @flow(result_storage=tmp_path)
    def main() -> tuple[Any, Any, Any]:
        with transaction():
            state = large(return_state=True)
            before = state.data
        return before, type(state.data).__name__, state.result()

    assert ([1, 2], "StoredResult", [1, 2]) == main()


def test_values_are_copied_and_found_from_within(server: MemoryServer) -> None:
    """A value is that of the innermost transaction that has one; what is done to it changes nothing there."""
    with transaction() as outer, transaction() as inner:
        outer.set("towns", ["Lugo"])
        inner.get("towns").append("Vigo")
        assert (["Lugo"], "none") == (inner.get("towns"), inner.get("other", "none"))
        inner.set("towns", [])
        assert ([], ["Lugo"]) == (inner.get("towns"), outer.get("towns"))
        lock = threading.Lock()
        inner.set("lock", lock)
        assert lock is inner.get("lock")
        with pytest.raises(ValueError, match="nothing was set as 'other' in this transaction or those around it"):
            inner.get("other")


def test_where_there_is_a_transaction(server: MemoryServer) -> None:
    """Code outside of transactions and tasks is part of none; a task run is one, and that of a block is its parent."""

    @task
    def inside() -> Any:
        txn = get_transaction()
        assert txn is not None and txn is get_transaction()
        return txn.get_parent()

    assert None is get_transaction()
    assert None is inside()
    with transaction() as txn:
        assert (txn, txn) == (get_transaction(), inside())
    assert None is get_transaction()


def test_hooks_are_called_with_the_transaction(server: MemoryServer, style: Style) -> None:
    """A hook is given the task's own transaction, may be asynchronous, and may fail without harm to the others."""
    heard: list[Any] = []

    @style.task(result_storage=Shelf(), result_storage_key="the-key")
    def step() -> int:
        return 7

    @step.on_rollback
    def first(txn: Any) -> None:
        heard.append((txn.key, txn.is_rolled_back()))

    @step.on_rollback
    async def second(txn: Any) -> None:
        await asyncio.sleep(0)
        heard.append("asynchronous")

    @step.on_rollback
    def third(txn: Any) -> None:
        raise ValueError("cannot be undone")

    async def fail_async() -> None:
        async with atransaction():
            await step()
            raise BoomError

    def fail() -> None:
        with transaction():
            step()
            raise BoomError

    with pytest.raises(BoomError):
        style.run(flow(name="main")(fail_async if style.is_async else fail))
    assert ["asynchronous", ("the-key", True)] == heard
    expected = "its on_rollback hook 'third' failed: ValueError: cannot be undone"
    assert any(expected in message for message in server.only_run().messages)


def test_hooks_are_options_too(server: MemoryServer) -> None:
    """`on_commit=[…]` does what the decorator does, and `with_options` keeps what was added."""
    heard: list[str] = []

    @task(on_commit=[lambda _txn: heard.append("option")])
    def step() -> None: ...

    step.on_commit(lambda _txn: heard.append("decorator"))
    step.with_options(name="other")()
    assert ["option", "decorator"] == heard
    with pytest.raises(ValueError, match="task 'x': on_rollback must be a list of functions"):
        task(name="x", on_rollback=print)(lambda: None)  # type: ignore[call-overload]


def test_each_attempt_is_undone(server: MemoryServer, style: Style) -> None:
    """What an attempt of a task has done within is undone before the next one begins."""
    machine = Machine(style)
    attempts: list[int] = []

    def body() -> Any:
        attempts.append(1)
        inner = machine.task(Step("inner"))
        return _then_fail(inner, len(attempts) == 1)

    outer = style.task(name="outer", retries=1)(body)
    style.run_task(outer)
    assert ["run inner", "undo inner", "run inner", "commit inner"] == machine.events


def _then_fail(outcome: Any, fails: bool) -> Any:
    async def wait() -> None:
        await outcome
        if fails:
            raise BoomError

    if hasattr(outcome, "__await__"):
        return wait()
    if fails:
        raise BoomError
    return None


def test_submitted_tasks_are_part_of_it(server: MemoryServer) -> None:
    """A task that was submitted in a block belongs to it; one that ends after the block shares what became of it."""
    machine, opened = Machine(Style(False)), threading.Event()

    @task
    def gate() -> None:
        opened.wait()

    @flow
    def main() -> None:
        with pytest.raises(BoomError), transaction():
            machine.task.submit(Step("early")).wait()
            late = machine.task.submit(Step("late"), wait_for=[gate.submit()])
            raise BoomError
        opened.set()
        late.wait()

    main()
    assert ["run early", "undo early", "run late", "undo late"] == machine.events


def test_a_subflow_is_part_of_it(server: MemoryServer, style: Style) -> None:
    """The tasks of a subflow that is called in a transaction are undone with it."""
    machine = Machine(style)

    @style.flow(name="inner")
    def inner() -> Any:
        return machine.task(Step("a"))

    async def body_async() -> None:
        async with atransaction():
            await inner()
            raise BoomError

    def body() -> None:
        with transaction():
            inner()
            raise BoomError

    with pytest.raises(BoomError):
        style.run(flow(name="main")(body_async if style.is_async else body))
    assert ["run a", "undo a"] == machine.events


def test_what_was_cached_is_not_undone(server: MemoryServer, style: Style) -> None:
    """A task whose result was there has done nothing in this transaction."""
    machine = Machine(style)
    machine.run(Step("a", cached=True))
    assert ["raised"] == machine.run(Block((Step("a", cached=True),), fails=True))
    assert ("Cached", True) == _told(server)["a"]


def test_results_within_are_read_after_it(server: MemoryServer, storage: Path) -> None:
    """What a committed task run says of its result leads to it, from any process."""

    @task(persist_result=True)
    def step() -> int:
        return 7

    @flow
    def main() -> None:
        with transaction():
            step()

    main()
    assert 7 == State.from_record(server.only_run().tasks["step-0"].states[-1]).result()


def test_tasks_in_other_processes(server: MemoryServer, tmp_path: Path) -> None:
    """A submitted task that ran in a worker is undone here; what ran within it was committed, or undone, there."""
    heard = tmp_path / "heard"

    def note(what: str) -> None:
        with heard.open("a") as file:
            file.write(f"{what} here={os.getpid() == here}\n")

    here = os.getpid()

    @task(result_storage=tmp_path / "results", result_storage_key="{parameters[name]}")
    def inner(name: str) -> str:
        return name

    inner.on_commit(lambda txn: note(f"commit {txn.key}"))
    inner.on_rollback(lambda txn: note(f"undo {txn.key}"))

    @task
    def outer(name: str) -> str:
        inner(name)
        if name == "bad":
            raise BoomError
        return name

    outer.on_rollback(lambda txn: note("undo outer"))

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def main() -> None:
        with transaction():
            outer.submit("good").result()
            outer.submit("bad").result()

    with pytest.raises(BoomError):
        main()
    expected = ["commit good here=False", "undo bad here=False", "undo outer here=True"]
    assert expected == heard.read_text().splitlines()
    assert (tmp_path / "results" / "good").is_file() and not (tmp_path / "results" / "bad").exists()


def test_in_a_generator_that_several_coroutines_iterate_over(server: MemoryServer) -> None:
    """A transaction that begins in one coroutine and ends in another is committed all the same."""
    opened: list[Any] = []

    @task
    async def numbers() -> AsyncGenerator[int, None]:
        async with atransaction() as txn:
            opened.append(txn)
            yield 1

    @flow
    async def main() -> list[Any]:
        values: Any = numbers()

        async def following() -> Any:
            return await anext(values, None)

        return [await asyncio.create_task(following()) for _ in range(2)]

    assert [1, None] == asyncio.run(main())
    assert opened[0].is_committed()


def test_a_key_that_leads_out_of_the_store(server: MemoryServer) -> None:
    """The log of a transaction that cannot be written says only why, not also what its undoing met."""

    @flow
    def main() -> bool:
        with transaction(key="../out") as txn:
            txn.stage(1)
        return txn.is_rolled_back()

    assert main()
    (line,) = [line for line in server.only_run().messages if "not committed" in line]
    assert "the key '../out' names no file within" in line
    assert "During handling" not in line
