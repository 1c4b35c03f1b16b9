"""What the timers of schedules are called, and how those of schedules that go are forgotten.

It stands apart from `timers.py` as it is part of every script that records its run, and imports little.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, select

from alisio_server.database.tables import deployment, schedule
from alisio_server.services import Transaction

MAKES_RUNS = and_(schedule.c.active, ~deployment.c.paused, deployment.c.work_queue_id.is_not(None))
"""The schedules that want a timer."""

TIMED: Select[Any] = (
    select(schedule, deployment.c.name.label("deployment_name"), MAKES_RUNS.label("makes_runs"))
    .join(deployment, schedule.c.deployment_id == deployment.c.id)
    .order_by(schedule.c.id)
)
"""Schedules with what their timers are named after, and whether they want one."""

_MAX_NAME = 31  # with a hyphen and an id of 32 it makes the 64 characters that EventBridge Scheduler takes


def name_of(row: Row[Any]) -> str:
    """Name a timer after its deployment, for people, and after its schedule, so that it is the only one.

    Args:
        row: One of `TIMED`.
    """
    plain = re.sub("[^A-Za-z0-9_.-]+", "-", row.deployment_name)[:_MAX_NAME]
    return f"{plain}-{row.id.hex}"


def forget_timers(tx: Transaction, which: ColumnElement[bool]) -> None:
    """Note that the timers of schedules are to be removed after the commit, as the schedules are about to be.

    Args:
        tx: The transaction.
        which: A condition on the tables `schedule` and `deployment`.
    """
    armed = TIMED.where(which, schedule.c.timer_at.is_not(None))
    tx.forgotten_timers += [name_of(row) for row in tx.connection.execute(armed)]
