"""What a transaction knows: its options, its values, what is staged, and where it is in its life."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.contract.ids import new_id
from alisio.transactions import CommitMode, IsolationLevel, TransactionState

if TYPE_CHECKING:
    from alisio.engine.runs import TaskRun
    from alisio.locking.held import Lock
    from alisio.results.store import ResultStore

FINISHED = (TransactionState.COMMITTED, TransactionState.ROLLED_BACK)
_NOTHING = object()


class TransactionCore:
    """What transactions of every kind have in common; see `alisio.transactions.transaction` for the arguments.

    Attributes:
        id: Who it is, for locks.
        key: What it is recorded as; None: it is not.
        state: Where it is in its life.
        parent: The transaction around it.
        run: The task run in whose code it was opened.
        on_commit_hooks: Called once it is committed.
        on_rollback_hooks: Called when it is rolled back.
    """

    def __init__(
        self,
        key: str | None = None,
        store: ResultStore | None = None,
        commit_mode: CommitMode | str | None = None,
        isolation_level: IsolationLevel | str | None = None,
        overwrite: bool = False,
        write_on_commit: bool = True,
        logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
    ) -> None:
        self.id: UUID = new_id()
        self.key = key
        self.store = store
        self.commit_mode = None if commit_mode is None else CommitMode(commit_mode)
        self.isolation_level = None if isolation_level is None else IsolationLevel(isolation_level)
        self.overwrite = overwrite
        self.write_on_commit = write_on_commit
        self.logger = logger
        self.state = TransactionState.PENDING
        self.parent: TransactionCore | None = None
        self.run: TaskRun | None = None
        self.on_commit_hooks: list[Callable[..., object]] = []
        self.on_rollback_hooks: list[Callable[..., object]] = []
        self._values: dict[str, Any] = {}
        self.staged: Any = None
        self.locks: list[Lock] = []
        self.check()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, state={self.state.value})"

    def is_pending(self) -> bool:
        """Tell whether it has not begun."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Tell whether it has begun, and nothing is staged."""
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        """Tell whether it waits to be committed."""
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Tell whether it is committed: now, or by an earlier one with its key."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Tell whether it is rolled back."""
        return self.state is TransactionState.ROLLED_BACK

    def get_parent(self) -> TransactionCore | None:
        """Give the transaction around it."""
        return self.parent

    @property
    def root(self) -> TransactionCore:
        """The outermost transaction around it; itself where there is none."""
        return self if self.parent is None else self.parent.root

    def set(self, name: str, value: Any) -> None:
        """Keep a value in it, for hooks and for what it is made of."""
        self._values[name] = value

    def get(self, name: str, default: Any = _NOTHING) -> Any:
        """Give a value that was set here, or in a transaction around this one.

        Args:
            name: Which one.
            default: Given where there is none.

        Returns:
            A copy, where it can be copied: what is done to it changes nothing here.

        Raises:
            ValueError: There is no such value, and no default.
        """
        if name in self._values:
            try:
                return copy.deepcopy(self._values[name])
            except Exception:  # a connection, a lock
                return self._values[name]
        if self.parent is not None:
            return self.parent.get(name, default)
        if default is _NOTHING:
            raise ValueError(f"nothing was set as {name!r} in this transaction or those around it")
        return default

    @property
    def own_values(self) -> dict[str, Any]:
        """What was set in it, and in none around it, by name."""
        return dict(self._values)

    def stage(
        self,
        value: Any,
        on_rollback_hooks: Iterable[Callable[..., object]] | None = None,
        on_commit_hooks: Iterable[Callable[..., object]] | None = None,
    ) -> None:
        """Say what is to be recorded when it is committed.

        Args:
            value: The value of the record.
            on_rollback_hooks: Called with the transaction if it is rolled back.
            on_commit_hooks: Called with the transaction once it is committed.
        """
        self.staged = value
        self.on_rollback_hooks += on_rollback_hooks or ()
        self.on_commit_hooks += on_commit_hooks or ()
        if self.state not in FINISHED:
            self.state = TransactionState.STAGED

    def check(self) -> None:
        """Refuse options that don't fit together.

        Raises:
            ValueError: They don't.
        """
        if self.key is not None and (not isinstance(self.key, str) or not self.key):
            raise ValueError(f"the key of a transaction must be a text, not {self.key!r}")
        if self.store is not None and not hasattr(self.store, "lock_manager"):
            raise ValueError(f"the store of a transaction must be a ResultStore of alisio.results, not {self.store!r}")
        if self.isolation_level is IsolationLevel.SERIALIZABLE:
            if self.key is None:
                raise ValueError("a transaction with isolation_level SERIALIZABLE needs a key")
            if self.store is None or self.store.lock_manager is None:
                raise ValueError(
                    "a transaction with isolation_level SERIALIZABLE needs a store with a lock_manager: "
                    "store=ResultStore(lock_manager=…)"
                )

    def inherit(self) -> None:
        """Take what was not said from the transaction around it."""
        around = self.parent
        if self.commit_mode is None:
            self.commit_mode = CommitMode.LAZY if around is None else around.commit_mode or CommitMode.LAZY
        if self.isolation_level is None and around is not None:
            self.isolation_level = around.isolation_level

    def open_store(self) -> ResultStore:
        """Give the store of its record: where nothing was said, that of the run whose code this is."""
        if self.store is None:
            from alisio.results.store import get_result_store

            self.store = get_result_store()
        return self.store
