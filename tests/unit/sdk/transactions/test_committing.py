"""Keys, locks, and what happens where a transaction cannot be committed or is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from alisio import flow, task
from alisio.locking.memory import MemoryLockManager
from alisio.results import ResultStore
from alisio.transactions import CommitMode, IsolationLevel, atransaction, transaction
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.shelf import Shelf
from tests.unit.sdk.transactions.programs import Block, BoomError, Machine, Step
from tests.waiting import wait_until


def test_a_key_is_committed_once(server: MemoryServer) -> None:
    """The record of a key tells later transactions, and holds what was staged; `overwrite` does not look at it."""
    store = ResultStore(Shelf())
    with transaction(key="once", store=store) as txn:
        assert not txn.is_committed()
        txn.stage({"rows": 5})
        assert txn.is_staged()
    with transaction(key="once", store=store) as txn:
        assert (True, {"rows": 5}) == (txn.is_committed(), txn.read())
    with transaction(key="once", store=store, overwrite=True) as txn:
        assert not txn.is_committed()
        txn.stage("new")
    assert "new" == store.read("once").result
    with transaction(key="unwritten", store=store, write_on_commit=False):
        """Nothing is done."""
    assert not store.exists("unwritten")


def test_a_transaction_by_hand(server: MemoryServer) -> None:
    """`commit` and `rollback` work within the block, once; what comes later in it is decided on its own."""
    store = ResultStore(Shelf())
    with transaction(key="by-hand", store=store, commit_mode=CommitMode.OFF) as txn:
        assert (True, True, False) == (txn.commit(), store.exists("by-hand"), txn.commit())
    assert txn.is_committed()
    machine = Machine(Style(False))
    with transaction() as txn:
        assert txn.rollback() and not txn.commit()
        machine.task(Step("late"))
    assert ["run late", "undo late"] == machine.events


def test_committing_is_for_all_or_none(server: MemoryServer, style: Style) -> None:
    """If one record cannot be written none is left, and all are rolled back; the flow goes on, and the log says why."""
    machine = Machine(style, Shelf(broken=("b",)))
    events = machine.run(Block((Step("a", cached=True), Step("b", cached=True))), Step("c"))
    assert ["run a", "run b", "undo b", "undo a", "run c", "commit c"] == events
    assert "a" not in machine.shelf.content
    run = server.only_run()
    assert any("not committed, and rolled back: OSError" in message for message in run.messages)
    assert "RolledBack" == run.tasks["a"].states[-1].name


def test_a_result_that_cannot_be_serialised_is_not_committed(server: MemoryServer) -> None:
    """Nothing of a transaction is written before all of it could be made; on its own, such a task goes on."""
    shelf, heard = Shelf(), []

    @task(result_storage=shelf, result_storage_key="{parameters[name]}")
    def step(name: str) -> Any:
        return threading.Lock() if name == "lock" else name

    step.on_commit(lambda txn: heard.append("commit"))
    step.on_rollback(lambda txn: heard.append("undo"))

    @flow
    def main() -> None:
        step("lock")
        with transaction() as txn:
            step("text")
            step("lock")
        assert txn.is_rolled_back()

    main()
    assert ["commit", "undo", "undo"] == heard
    assert {} == shelf.content
    assert any("cannot pickle" in message for message in server.only_run().messages)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_stopped_is_rolled_back(server: MemoryServer, style: Style, error: type[BaseException]) -> None:
    """A flow that is interrupted within a transaction, or within a task, undoes what it has done."""
    machine = Machine(style)

    @style.task()
    def stop() -> None:
        raise error

    async def body_async() -> None:
        async with atransaction():
            await machine.task(Step("a"))
            await stop()

    def body() -> None:
        with transaction():
            machine.task(Step("a"))
            stop()

    with pytest.raises(error):
        style.run(flow(name="main")(body_async if style.is_async else body))
    assert ["run a", "undo a"] == machine.events


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"commit_mode": "LATER"}, "commit_mode must be one of EAGER, LAZY, OFF, not 'LATER'"),
        ({"isolation_level": "NONE"}, "isolation_level must be one of READ_COMMITTED, SERIALIZABLE"),
        ({"isolation_level": "SERIALIZABLE"}, "needs a key"),
        ({"isolation_level": IsolationLevel.SERIALIZABLE, "key": "k"}, "needs a store with a lock_manager"),
        ({"store": 5}, "the store of a transaction must be a ResultStore of alisio.results, not 5"),
        ({"key": ""}, "the key of a transaction must be a text"),
    ],
)
@pytest.mark.parametrize("opening", [transaction, atransaction])
def test_wrong_options_are_named(opening: Callable[..., Any], options: dict[str, Any], message: str) -> None:
    """What cannot be used fails where the transaction is made."""
    with pytest.raises(ValueError, match=message):
        opening(**options)


def test_serializable_transactions_do_their_work_once(server: MemoryServer) -> None:
    """Of threads and coroutines that begin with one key at once, one does the work, and the others see it done."""
    store = ResultStore(Shelf(), lock_manager=MemoryLockManager())
    options: dict[str, Any] = {"store": store, "isolation_level": "SERIALIZABLE"}
    work: list[str] = []

    def in_thread() -> None:
        with transaction(key="threads", **options) as txn:
            if not txn.is_committed():
                work.append("thread")

    async def in_loop() -> None:
        async with atransaction(key="loop", **options) as txn:
            await asyncio.sleep(0)
            if not txn.is_committed():
                work.append("loop")

    async def several() -> None:
        await asyncio.gather(*(in_loop() for _ in range(20)))

    threads = [threading.Thread(target=in_thread) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(several())
    assert ["thread", "loop"] == work
    assert not store.is_locked("threads") and not store.is_locked("loop")


def test_a_lock_is_given_back_however_it_ends(server: MemoryServer) -> None:
    """After a failure, and after a store that could not be asked, nobody holds the key."""
    store = ResultStore(Shelf(), lock_manager=MemoryLockManager())
    with pytest.raises(BoomError), transaction(key="k", store=store, isolation_level="SERIALIZABLE"):
        assert store.is_locked("k")
        raise BoomError
    wait_until(lambda: not store.is_locked("k"))


def test_a_commit_that_is_interrupted(server: MemoryServer, style: Style) -> None:
    """An interrupt in the midst of writing leaves no record, undoes all, and goes on its way."""

    class Interrupted(Shelf):
        def write(self, key: str, content: bytes) -> None:
            super().write(key, content)
            if key == "b":
                raise KeyboardInterrupt

    machine = Machine(style, Interrupted())
    with pytest.raises(KeyboardInterrupt):
        machine.run(Block((Step("a", cached=True), Step("b", cached=True))))
    assert ["run a", "run b", "undo b", "undo a"] == machine.events
    assert {} == machine.shelf.content


def test_a_commit_that_is_cancelled(server: MemoryServer) -> None:
    """What a thread still writes when its coroutine is cancelled does not stay: the hooks have undone it."""

    class Slow(Shelf):
        started, going_on = threading.Event(), threading.Event()

        def write(self, key: str, content: bytes) -> None:
            self.started.set()
            self.going_on.wait()
            super().write(key, content)

    shelf = Slow()
    machine = Machine(Style(True), shelf)

    async def work() -> None:
        async with atransaction():
            await machine.task(Step("a", cached=True))

    async def main() -> None:
        working = asyncio.create_task(work())
        await asyncio.to_thread(shelf.started.wait)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        shelf.going_on.set()

    asyncio.run(main())
    assert (["run a", "undo a"], {}) == (machine.events, shelf.content)


def test_a_late_part_of_a_commit(server: MemoryServer) -> None:
    """What ends well in a part of a transaction while all is being written is not lost: it is committed on its own."""
    late: list[str] = []

    class Calling(Shelf):
        def write(self, key: str, content: bytes) -> None:
            if key == "a" and not late:
                assert not inner.adopt(outer)
                late.append("refused")
            super().write(key, content)

    machine = Machine(Style(False), Calling())
    with transaction() as outer, transaction() as inner:
        machine.task(Step("a", cached=True))
    assert (["refused"], ["a"]) == (late, list(machine.shelf.content))


@pytest.mark.parametrize(("mode", "hooks"), [("LAZY", "on_commit_hooks"), ("OFF", "on_rollback_hooks")])
def test_a_lock_is_given_back_where_a_hook_is_interrupted(server: MemoryServer, mode: str, hooks: str) -> None:
    """What stops a hook goes on its way, and nobody holds the key."""
    store = ResultStore(Shelf(), lock_manager=MemoryLockManager())

    def leaves(_: Any) -> None:
        assert store.is_locked("k")
        raise SystemExit(3)

    options: dict[str, Any] = {"store": store, "isolation_level": "SERIALIZABLE", "commit_mode": mode}
    with pytest.raises(SystemExit), transaction(key="k", **options) as txn:
        txn.stage(1, **{hooks: [leaves]})
    assert not store.is_locked("k")
