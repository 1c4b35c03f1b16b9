"""Wake-ups that were received again and again, and never answered. They decide nothing: the run's queue rings again."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import insert, select, update

from alisio.contract.states import StateType
from alisio_server.database.tables import flow_run, log
from alisio_server.services import Services

_WARNING = 30
_LOGGER = "alisio.server"
_MESSAGE = "A wake-up of this run was received several times and never answered: see the log of its agents."


def read_run_id(body: str) -> UUID | None:
    """Read which run a wake-up was for.

    Args:
        body: The message's body.

    Returns:
        The run's id; None where the message is no wake-up.
    """
    try:
        return UUID(json.loads(body)["flow_run_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def take_dead_letter(services: Services, run_id: UUID) -> bool:
    """Ring once more for a run that still waits to be claimed, and note in its log that it had to be.

    Args:
        services: The database and the ports.
        run_id: The run of the wake-up.

    Returns:
        Whether there is such a run, and it waits.
    """
    with services.transaction() as tx:
        waits = (flow_run.c.id == run_id) & (flow_run.c.state_type == StateType.SCHEDULED)
        waits &= flow_run.c.lease_until.is_(None)
        attempt = tx.connection.execute(select(flow_run.c.attempt).where(waits).with_for_update()).scalar_one_or_none()
        if attempt is None:
            return False
        now = tx.now()
        tx.connection.execute(update(flow_run).where(flow_run.c.id == run_id).values(wake_at=now))
        line = {"timestamp": now, "level": _WARNING, "logger": _LOGGER, "message": _MESSAGE}
        tx.connection.execute(insert(log).values(flow_run_id=run_id, attempt=attempt, **line))
        tx.woken.add(run_id)
    return True
