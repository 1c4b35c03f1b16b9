"""The outbox: sending the wake-ups that `wake_at` asks for, and asking for the next one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from alisio_server.database.engine import Database
from alisio_server.database.tables import flow_run
from alisio_server.orchestration.leases import HORIZON
from alisio_server.ports import WakeUp, WakeUps
from alisio_server.repeats import Repeats

_MAX_INTERVAL_SECONDS = 900.0
_BATCH = 1_000
_log = logging.getLogger(__name__)
_failures = Repeats()

_OUTBOX: Select[Any] = select(
    flow_run.c.id, flow_run.c.work_queue_id, flow_run.c.due, flow_run.c.wake_at, flow_run.c.wake_interval
).where(flow_run.c.wake_at.is_not(None), flow_run.c.work_queue_id.is_not(None))
# Built once: building a statement takes longer than executing it.
_OUTBOX_OF = _OUTBOX.where(flow_run.c.id.in_(bindparam("run_ids", expanding=True)))
# Only where nobody has set or cleared it meanwhile.
_MOVE_ON = (
    update(flow_run)
    .where(flow_run.c.id == bindparam("run_id"), flow_run.c.wake_at == bindparam("read"))
    .values(wake_at=bindparam("next_wake"), wake_interval=bindparam("next_interval"))
)


def send_wake_ups(database: Database, bell: WakeUps, run_ids: Iterable[UUID]) -> None:
    """Send the wake-ups of runs whose `wake_at` was just set.

    It is moved on for those that are due later. Those due by now are claimed in a moment, which clears it, or else
    the next tick sends theirs once more: cheaper than a second commit for each run that somebody asks for.

    It raises nothing: what made the runs claimable is committed and must not look failed. Where the bell or the
    database cannot be reached, `wake_at` stays, so the tick tries again.

    Args:
        database: Where the runs are.
        bell: What to ring.
        run_ids: The runs.
    """
    ids = list(run_ids)
    try:
        with database.glance() as connection:
            rows = connection.execute(_OUTBOX_OF, {"run_ids": ids}).all()
        bell.send(_wake_ups(rows))
        _move_on(database, [row for row in rows if row.due > row.wake_at])
    except (OSError, SQLAlchemyError) as error:
        _say(error, len(ids))


def ring(bell: WakeUps, wake_ups: Sequence[WakeUp]) -> None:
    """Send wake-ups of runs that are due by now, as `send_wake_ups` does, without a look at the database.

    Args:
        bell: What to ring.
        wake_ups: What to send.
    """
    try:
        bell.send(wake_ups)
    except OSError as error:
        _say(error, len(wake_ups))


def _say(error: Exception, count: int) -> None:
    if _failures.is_news(type(error).__name__):
        _log.warning("the wake-ups of %d runs could not be sent, the tick tries again: %s", count, error)


def send_due_wake_ups(database: Database, bell: WakeUps) -> int:
    """Send every wake-up that is due.

    Args:
        database: Where the runs are.
        bell: What to ring.

    Returns:
        How many were sent.

    Raises:
        OSError: The bell cannot be reached.
    """
    with database.read() as connection:
        now = database.now(connection)
        wanted = _OUTBOX.where(flow_run.c.wake_at <= now).order_by(flow_run.c.wake_at).limit(_BATCH)
        rows = connection.execute(wanted).all()
    bell.send(_wake_ups(rows))
    _move_on(database, rows)
    return len(rows)


def upcoming_wake_ups(database: Database) -> list[WakeUp]:
    """Read the wake-ups that were sent already for runs that fall due soon.

    A server that kept them until then may be gone; the one that starts in its place keeps them from then on.
    """
    with database.read() as connection:
        now = database.now(connection)
        wanted = _OUTBOX.where(flow_run.c.due > now, flow_run.c.due <= now + HORIZON)
        rows = connection.execute(wanted).all()
    return _wake_ups(rows)


def _wake_ups(rows: Sequence[Row[Any]]) -> list[WakeUp]:
    return [WakeUp(row.work_queue_id, row.id, row.due) for row in rows]


def _move_on(database: Database, rows: Sequence[Row[Any]]) -> None:
    if not rows:
        return
    with database.write() as connection:
        now = database.now(connection)
        moves = [
            {
                "run_id": row.id,
                "read": row.wake_at,
                "next_wake": max(row.due, now) + timedelta(seconds=row.wake_interval),
                "next_interval": min(2 * row.wake_interval, _MAX_INTERVAL_SECONDS),
            }
            # In one order, so that two senders of the same wake-ups take turns and do not deadlock.
            for row in sorted(rows, key=lambda row: row.id)
        ]
        connection.execute(_MOVE_ON, moves)
