"""The outbox: sending the wake-ups that `wake_at` asks for, and asking for the next one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, select, update

from alisio_server.database.tables import flow_run
from alisio_server.ports import WakeUp
from alisio_server.services import Services

_MAX_INTERVAL_SECONDS = 900.0
_BATCH = 1_000
_log = logging.getLogger(__name__)

_OUTBOX: Select[Any] = select(
    flow_run.c.id, flow_run.c.work_queue_id, flow_run.c.due, flow_run.c.wake_at, flow_run.c.wake_interval
).where(flow_run.c.wake_at.is_not(None), flow_run.c.work_queue_id.is_not(None))


def send_wake_ups(services: Services, run_ids: Iterable[UUID]) -> None:
    """Send the wake-ups of runs whose `wake_at` was just set, and move it on.

    A bell that cannot be reached is no error here: `wake_at` stays, so the tick tries again.

    Args:
        services: The database and the bell.
        run_ids: The runs.
    """
    ids = list(run_ids)
    with services.database.read() as connection:
        wanted = _OUTBOX.where(flow_run.c.id.in_(ids))
        rows = connection.execute(wanted).all()
    try:
        _send(services, rows)
    except OSError as error:
        _log.warning("the wake-ups of %d runs could not be sent, the tick tries again: %s", len(rows), error)


def send_due_wake_ups(services: Services) -> int:
    """Send every wake-up that is due.

    Args:
        services: The database and the bell.

    Returns:
        How many were sent.

    Raises:
        OSError: The bell cannot be reached.
    """
    with services.database.read() as connection:
        now = services.database.now(connection)
        wanted = _OUTBOX.where(flow_run.c.wake_at <= now).order_by(flow_run.c.wake_at).limit(_BATCH)
        rows = connection.execute(wanted).all()
    _send(services, rows)
    return len(rows)


def _send(services: Services, rows: Sequence[Row[Any]]) -> None:
    if not rows:
        return
    services.wake_ups.send([WakeUp(row.work_queue_id, row.id, row.due) for row in rows])
    # Only where nobody has set or cleared it meanwhile.
    move_on = (
        update(flow_run)
        .where(flow_run.c.id == bindparam("run_id"), flow_run.c.wake_at == bindparam("read"))
        .values(wake_at=bindparam("next_wake"), wake_interval=bindparam("next_interval"))
    )
    with services.database.write() as connection:
        now = services.database.now(connection)
        moves = [
            {
                "run_id": row.id,
                "read": row.wake_at,
                "next_wake": max(row.due, now) + timedelta(seconds=row.wake_interval),
                "next_interval": min(2 * row.wake_interval, _MAX_INTERVAL_SECONDS),
            }
            for row in rows
        ]
        connection.execute(move_on, moves)
