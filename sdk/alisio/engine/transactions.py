"""The life of a transaction: begin, stage, then commit or roll back. The steps are the same, sync and async.

A transaction that ends well within another one becomes part of it, and shares its fate. Committing writes the records
of all that belong to it, or of none; then it calls the hooks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, Self

from alisio.context import current_flow_run, current_task_run, current_transaction
from alisio.engine import either
from alisio.engine.commits import Write, Writing
from alisio.engine.effects import Block, Call, Effect
from alisio.engine.transaction_core import FINISHED, TransactionCore
from alisio.locking.held import Lock
from alisio.logging import RunLogger, get_logger
from alisio.transactions import CommitMode, IsolationLevel, TransactionState

_settling = threading.Lock()
"""Held while it is decided whether a transaction may still take another one in."""


class BaseTransaction(TransactionCore):
    """What transactions of every kind have in common.

    Attributes:
        parent: The transaction around it.
        children: Those that ended well within it.
    """

    parent: BaseTransaction | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.children: list[BaseTransaction] = []
        self._closing = False
        self._is_entered = False
        self._outer: BaseTransaction | None = None

    def adopt(self, child: BaseTransaction) -> bool:
        """Take in a transaction that ended well within this one.

        Returns:
            Whether it is taken in; not, where this one is finished already.
        """
        with _settling:
            if self._closing or self.state in FINISHED:
                return False
            self.children.append(child)
            return True

    def hold(self, lock: Lock) -> None:
        """Keep a lock until it is finished."""
        self.locks.append(lock)

    def begin_steps(self) -> Generator[Effect, Any, None]:
        """Begin: take the lock, and look whether it was committed before."""
        from alisio.engine.transacting import current

        self.parent = current()
        self.run = current_task_run.get()
        self.inherit()
        if self.key is not None:
            store = self.open_store()
            manager = store.lock_manager
            if self.isolation_level is IsolationLevel.SERIALIZABLE and manager is not None:
                lock = Lock(manager, self.key, str(self.root.id))
                if not (yield lock.taking()):
                    raise TimeoutError(f"the lock of {self.key!r} was not given")
                self.hold(lock)
            try:
                if not self.overwrite and (yield Block(lambda: store.exists(str(self.key)))):
                    self.state = TransactionState.COMMITTED
            except BaseException:
                self._unlock()
                raise
        if self.state is TransactionState.PENDING:
            self.state = TransactionState.ACTIVE
        self._outer, self._is_entered = current_transaction.get(), True
        current_transaction.set(self)

    def end_steps(self, error: BaseException | None) -> Generator[Effect, Any, None]:
        """End: commit, hand over to the transaction around, or roll back."""
        if self._is_entered:
            # Not by a token: what iterates over an asynchronous generator may end it in another context.
            current_transaction.set(self._outer)
            self._outer, self._is_entered = None, False
        if error is not None:
            yield from self.rollback_steps()
        else:
            yield from self.settle_steps()
        if self.state in FINISHED:
            self._unlock()

    def settle_steps(self) -> Generator[Effect, Any, None]:
        """Do what is due at a good end."""
        if self.state in FINISHED:
            return
        if self.commit_mode is CommitMode.EAGER:
            yield from self.commit_steps()
            return
        if self.parent is not None:
            self.state = TransactionState.STAGED
            if self.parent.adopt(self):
                return
            if self.parent.is_rolled_back():
                yield from self.rollback_steps()
                return
        if self.commit_mode is CommitMode.OFF:
            yield from self.rollback_steps()
        else:
            yield from self.commit_steps()

    def commit_steps(self) -> Generator[Effect, Any, bool]:
        """Write the records of all that belongs to it, or roll all back where that fails; then call the hooks."""
        members = self._close_all()
        if not members:
            return False
        writing = Writing(member.records for member in members)
        interrupt = None
        try:
            yield Block(writing.write)
        except BaseException as error:
            if writing.abandon():
                yield from self._give_up(members, error)
                return False
            interrupt = error
        for member in members:
            member.state = TransactionState.COMMITTED
            member.on_committed()
        try:
            for member in members:
                yield from self._call(member, member.on_commit_hooks, "on_commit")
        finally:
            for member in members:
                member._unlock()
        if interrupt is not None:
            raise interrupt
        return True

    def _give_up(self, members: list[BaseTransaction], error: BaseException) -> Generator[Effect, Any, None]:
        """Roll back what could not be written; an error ends here, and what has stopped the code goes on."""
        for member in members:
            member._closing = False
        if isinstance(error, GeneratorExit):  # nobody is there to call hooks
            self._unlock_all()
            raise error
        self._log("not committed, and rolled back", error)
        yield from self.rollback_steps()
        if not isinstance(error, Exception):
            raise error

    def rollback_steps(self) -> Generator[Effect, Any, bool]:
        """Undo what belongs to it, the latest first."""
        if not self._close():
            return False
        self.state = TransactionState.ROLLED_BACK
        try:
            yield from self._call(self, reversed(self.on_rollback_hooks), "on_rollback")
            for child in reversed(self.children):
                yield from child.rollback_steps()
        except BaseException:  # it has stopped the hooks that are left
            self._unlock_all()
            raise
        self.on_rolled_back()
        self._unlock()
        return True

    def records(self) -> list[Write]:
        """Give what is to be written of itself."""
        if self.key is None or not self.write_on_commit:
            return []
        return [Write(*self.open_store().record_of(self.key, self.staged))]

    def on_committed(self) -> None:
        """Hear that it is committed."""

    def on_rolled_back(self) -> None:
        """Hear that it is rolled back."""

    def _close(self) -> bool:
        """Let nothing more in; tell whether there is something to be done."""
        with _settling:
            if self._closing or self.state in FINISHED:
                return False
            self._closing = True
            return True

    def _close_all(self) -> list[BaseTransaction]:
        """Let nothing more into it and its children; give those that are to be committed, the children first."""
        with _settling:
            if self._closing or self.state in FINISHED:
                return []
            members = list(self._unfinished())
            for member in members:
                member._closing = True
            return members

    def _unfinished(self) -> Iterable[BaseTransaction]:
        for child in self.children:
            if child.state not in FINISHED and not child._closing:
                yield from child._unfinished()
        yield self

    def _unlock_all(self) -> None:
        """Give the locks back of all that belongs to it."""
        for child in self.children:
            child._unlock_all()
        self._unlock()

    def _unlock(self) -> None:
        locks, self.locks = self.locks, []
        for lock in locks:
            lock.release()

    def _call(
        self, member: BaseTransaction, hooks: Iterable[Callable[..., object]], kind: str
    ) -> Generator[Effect, Any, None]:
        for hook in list(hooks):
            try:
                yield Call(hook, (member,))
            except Exception as error:
                self._log(f"its {kind} hook {getattr(hook, '__name__', repr(hook))!r} failed", error)

    def _log(self, what: str, error: BaseException) -> None:
        name = "transaction" if self.key is None else f"transaction {self.key!r}"
        message = f"{name}: {what}: {type(error).__name__}: {error}"
        run = current_task_run.get() or current_flow_run.get()
        if self.logger is None and run is not None:
            RunLogger(run).failure(logging.ERROR, message, error)
        else:
            (self.logger or get_logger("transactions")).error("%s", message, exc_info=error)


class Transaction(BaseTransaction):
    """A transaction of synchronous code."""

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        either.run(self.end_steps(error))

    def begin(self) -> None:
        """Begin; `with` does that."""
        either.run(self.begin_steps())

    def commit(self) -> bool:
        """Commit it now.

        Returns:
            Whether that has been done: not, where it is finished, or cannot be written.
        """
        return either.run(self.commit_steps())

    def rollback(self) -> bool:
        """Roll it back now.

        Returns:
            Whether that has been done: not, where it is finished.
        """
        return either.run(self.rollback_steps())

    def read(self) -> Any:
        """Read the value of the record under its key; None where there is none."""
        return None if self.key is None else self.open_store().value_of(self.key)


class AsyncTransaction(BaseTransaction):
    """A transaction of asynchronous code."""

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        await either.awaited(self.end_steps(error))

    async def begin(self) -> None:
        """Begin; `async with` does that."""
        await either.awaited(self.begin_steps())

    async def commit(self) -> bool:
        """Commit it now, as `Transaction.commit` does."""
        return await either.awaited(self.commit_steps())

    async def rollback(self) -> bool:
        """Roll it back now, as `Transaction.rollback` does."""
        return await either.awaited(self.rollback_steps())

    async def read(self) -> Any:
        """Read the value of the record under its key; None where there is none."""
        import asyncio

        return None if self.key is None else await asyncio.to_thread(self.open_store().value_of, self.key)
