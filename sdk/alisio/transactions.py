"""Transactions: tasks that belong together are committed together, or rolled back: `with transaction() as txn:`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

    from alisio.engine.transactions import AsyncTransaction, BaseTransaction, Transaction
    from alisio.results.store import ResultStore

__all__ = [
    "AsyncTransaction",
    "BaseTransaction",
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionState",
    "atransaction",
    "get_transaction",
    "transaction",
]


class CommitMode(StrEnum):
    """When a transaction is committed."""

    EAGER = "EAGER"
    """At its own end, whatever becomes of the transaction around it."""
    LAZY = "LAZY"
    """At its end if it is the outermost one, else with the transaction around it."""
    OFF = "OFF"
    """By nobody: it is rolled back at its end, unless it was committed by hand or belongs to another one."""

    @classmethod
    def _missing_(cls, value: object) -> CommitMode:
        raise ValueError(f"commit_mode must be one of {', '.join(cls)}, not {value!r}")


class IsolationLevel(StrEnum):
    """What a transaction sees of others with the same key."""

    READ_COMMITTED = "READ_COMMITTED"
    """What was committed before it began."""
    SERIALIZABLE = "SERIALIZABLE"
    """It begins when no other one goes on: a lock on the key sees to that."""

    @classmethod
    def _missing_(cls, value: object) -> IsolationLevel:
        raise ValueError(f"isolation_level must be one of {', '.join(cls)}, not {value!r}")


class TransactionState(StrEnum):
    """Where a transaction is in its life."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


def transaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
) -> Transaction:
    """Make a block of code a transaction; tasks and transactions within it are part of it.

    Their results are stored when it is committed. When the block raises, all that has completed within it is
    rolled back, the latest first: the `on_rollback` hooks of the tasks are called.

    Args:
        key: A record under this key says that it was committed: `is_committed()` is true where there is one already.
        store: Where that record lies, and what locks the key; by default as results in the run around it.
        commit_mode: When it is committed; by default as the transaction around it, else LAZY.
        isolation_level: SERIALIZABLE needs a key, and a store with a lock manager; by default READ_COMMITTED.
        overwrite: Whether a record that is there already does not count.
        write_on_commit: Whether to write the record.
        logger: For what its hooks raise; by default that of the run around it.

    Returns:
        The transaction, for a `with` statement.

    Raises:
        ValueError: An option cannot be used.
    """
    from alisio.engine.transactions import Transaction

    return Transaction(key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger)


def atransaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
) -> AsyncTransaction:
    """Make a block of asynchronous code a transaction, as `transaction` does for other code.

    Args:
        key: As for `transaction`; and so are the others.
        store: See there.
        commit_mode: See there.
        isolation_level: See there.
        overwrite: See there.
        write_on_commit: See there.
        logger: See there.

    Returns:
        The transaction, for an `async with` statement.

    Raises:
        ValueError: An option cannot be used.
    """
    from alisio.engine.transactions import AsyncTransaction

    return AsyncTransaction(key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger)


def get_transaction() -> BaseTransaction | None:
    """Give the transaction that this code is part of: in a task, that of its run.

    Returns:
        The transaction; None: there is none around, and no task runs here.
    """
    from alisio.engine.transacting import current

    return current()


def __getattr__(name: str) -> Any:
    if name not in ("AsyncTransaction", "BaseTransaction", "Transaction"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alisio.engine import transactions

    return getattr(transactions, name)
