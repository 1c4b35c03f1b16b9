"""What a request or a tick works with: the database, the ports, and transactions that ring after their commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from alisio_server.access.callers import Caller, local_caller
from alisio_server.access.changes import Change, record_change
from alisio_server.database.engine import Database
from alisio_server.orchestration.waking import ring, send_wake_ups
from alisio_server.ports import Cipher, ObjectStore, Timers, WakeUp, WakeUpQueues, WakeUps
from alisio_server.settings import Retention


@dataclass
class Transaction:
    """A writing transaction.

    Attributes:
        connection: What to execute statements on.
        database: Whose transaction it is.
        woken: Runs whose `wake_at` this transaction set to now: their wake-ups are sent after the commit.
        wake_ups: Of runs that are due by now and whose queue is known, the wake-ups themselves.
        rescheduled: Deployments whose schedules this transaction changed: their timers are set after the commit.
        forgotten_timers: The timers of schedules that this transaction removed.
        asked: When it last asked for the time.
        change: What the audit log is still to say of it before its commit; None: nothing.
    """

    connection: Connection
    database: Database
    woken: set[UUID] = field(default_factory=set)
    wake_ups: list[WakeUp] = field(default_factory=list)
    rescheduled: set[UUID] = field(default_factory=set)
    forgotten_timers: list[str] = field(default_factory=list)
    asked: datetime | None = None
    change: Change | None = None

    def now(self) -> datetime:
        """Tell the time by the database's clock."""
        self.asked = self.database.now(self.connection)
        return self.asked


@dataclass(frozen=True)
class Services:
    """The parts that a server is composed of, chosen once when it starts; and for whom they work.

    Attributes:
        database: Where everything is.
        wake_ups: The bell.
        objects: Where bundles are.
        retention: How long what is over is kept.
        queues: Where agents hear the bell; None: here, by long polls.
        timers: What has the runs of schedules made in time beside the tick; None: nothing.
        caller: Who makes the request in hand.
        change: What the audit log is to say of it, where it is a change.
        cipher: What secrets are encrypted with; None: nothing here has to do with secrets.
        endings: What commits the request in hand once its answer is made; None: transactions commit where they end.
    """

    database: Database
    wake_ups: WakeUps
    objects: ObjectStore
    retention: Retention = field(default_factory=Retention)
    queues: WakeUpQueues | None = None
    timers: Timers | None = None
    caller: Caller = field(default_factory=local_caller)
    change: Change | None = None
    cipher: Cipher | None = None
    endings: list[Callable[[], None]] | None = None

    @contextmanager
    def transaction(self, *, only_looks: bool = False, with_answer: bool = False) -> Iterator[Transaction]:
        """Open a writing transaction; commit it unless the block raises; then send wake-ups and set timers.

        The first one of a request that is a change says so in the audit log.

        Args:
            only_looks: What is asked for is only to be shown, so that nothing changes.
            with_answer: Nothing in the rest of the request needs the commit, so it may come with the `endings`.
        """
        with ExitStack() as end:
            transaction = Transaction(end.enter_context(self.database.write()), self.database)
            if self.change is not None and not self.change.recorded and not only_looks:
                transaction.change = self.change
            yield transaction
            if transaction.change is not None:
                record_change(transaction.connection, transaction.change, transaction.asked or transaction.now())
            if with_answer and self.endings is not None:
                self.endings.append(partial(self._commit, end.pop_all(), transaction))
                return
        self._follow(transaction)

    def _commit(self, end: ExitStack, transaction: Transaction) -> None:
        end.close()
        self._follow(transaction)

    def _follow(self, transaction: Transaction) -> None:
        """Do what is due after a commit."""
        if self.change is not None:
            self.change.recorded = True
        if transaction.wake_ups:
            ring(self.wake_ups, transaction.wake_ups)
        if transaction.woken:
            send_wake_ups(self.database, self.wake_ups, transaction.woken)
        if self.timers is not None and (transaction.rescheduled or transaction.forgotten_timers):
            # Working out times is none of what a script without a server needs.
            from alisio_server.orchestration.scheduling.timers import settle_timers

            settle_timers(self.database, self.timers, transaction.rescheduled, transaction.forgotten_timers)
