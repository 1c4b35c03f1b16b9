"""What a request or a tick works with: the database, the ports, and transactions that ring after their commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from alisio_server.access.callers import Caller, local_caller
from alisio_server.access.changes import Change, record_change
from alisio_server.database.engine import Database
from alisio_server.orchestration.waking import send_wake_ups
from alisio_server.ports import ObjectStore, WakeUpQueues, WakeUps
from alisio_server.settings import Retention


@dataclass
class Transaction:
    """A writing transaction.

    Attributes:
        connection: What to execute statements on.
        database: Whose transaction it is.
        woken: Runs whose `wake_at` this transaction set to now: their wake-ups are sent after the commit.
    """

    connection: Connection
    database: Database
    woken: set[UUID] = field(default_factory=set)

    def now(self) -> datetime:
        """Tell the time by the database's clock."""
        return self.database.now(self.connection)


@dataclass(frozen=True)
class Services:
    """The parts that a server is composed of, chosen once when it starts; and for whom they work.

    Attributes:
        database: Where everything is.
        wake_ups: The bell.
        objects: Where bundles are.
        retention: How long what is over is kept.
        queues: Where agents hear the bell; None: here, by long polls.
        caller: Who makes the request in hand.
        change: What the audit log is to say of it, where it is a change.
    """

    database: Database
    wake_ups: WakeUps
    objects: ObjectStore
    retention: Retention = field(default_factory=Retention)
    queues: WakeUpQueues | None = None
    caller: Caller = field(default_factory=local_caller)
    change: Change | None = None

    @contextmanager
    def transaction(self, *, only_looks: bool = False) -> Iterator[Transaction]:
        """Open a writing transaction; commit it unless the block raises; then send the wake-ups it caused.

        The first one of a request that is a change says so in the audit log.

        Args:
            only_looks: What is asked for is only to be shown, so that nothing changes.
        """
        with self.database.write() as connection:
            transaction = Transaction(connection, self.database)
            yield transaction
            if self.change is not None and not self.change.recorded and not only_looks:
                record_change(connection, self.change, transaction.now())
        if self.change is not None:
            self.change.recorded = True
        if transaction.woken:
            send_wake_ups(self.database, self.wake_ups, transaction.woken)
