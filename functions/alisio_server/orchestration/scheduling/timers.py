"""The timers of schedules in the cloud: one for each that makes runs, set for 5 minutes before its next new run.

A timer that fires has its schedule's runs made, and is set again. All of it could be missing: the tick makes the same
runs, and sets timers that are lost.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, bindparam, not_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from alisio_server.database.engine import Database
from alisio_server.database.tables import schedule
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.scheduling.materialise import materialise_deployment
from alisio_server.orchestration.scheduling.occurrences import next_due
from alisio_server.orchestration.scheduling.timer_names import MAKES_RUNS, TIMED, name_of
from alisio_server.ports import Timer, Timers
from alisio_server.repeats import Repeats
from alisio_server.services import Services

AHEAD = timedelta(minutes=5)
"""How long before the next run that is not made yet a timer fires."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for the timer of a schedule that will not fall due any more."""

# A timer may fire a minute late; one that is not set again after two has been lost.
_SOONEST = timedelta(minutes=1)
_LOST_AFTER = timedelta(minutes=2)
_BATCH = 200
# What comes after it in a tick, wake-ups above all, must not wait for thousands of timers; a tick is two minutes long.
_REPAIR_SECONDS = 20.0
_log = logging.getLogger(__name__)
_failures = Repeats()


def settle_timers(
    database: Database, timers: Timers, deployment_ids: Collection[UUID], forgotten: Collection[str]
) -> None:
    """Set the timers of deployments whose schedules have just changed, and remove those of schedules that are gone.

    It raises nothing: what changed the schedules is committed and must not look failed.

    Args:
        database: Where the schedules are.
        timers: The timers.
        deployment_ids: The deployments.
        forgotten: The names of timers whose schedules are gone.
    """
    try:
        for name in forgotten:
            timers.disarm(name)
        _settle(database, timers, schedule.c.deployment_id.in_(deployment_ids))
    except (OSError, SQLAlchemyError) as error:
        if _failures.is_news(type(error).__name__):
            _log.warning("the timers of schedules could not be set, the tick tries again: %s", error)


def repair_timers(services: Services) -> None:
    """Set the timers that are not set, or were lost, and remove those of schedules that make no runs.

    After 20 s it leaves the others to the next tick.

    Args:
        services: The database and the timers.

    Raises:
        OSError: The timers cannot be reached.
    """
    if services.timers is None:
        return
    with services.database.read() as connection:
        now = services.database.now(connection)
    is_lost = or_(schedule.c.timer_at.is_(None), schedule.c.timer_at < now - _LOST_AFTER)
    _settle(
        services.database,
        services.timers,
        or_(and_(MAKES_RUNS, is_lost), and_(not_(MAKES_RUNS), schedule.c.timer_at.is_not(None))),
        until=monotonic() + _REPAIR_SECONDS,
    )


def fire_timer(services: Services, deployment_id: UUID, slug: str, name: str) -> None:
    """Make the next runs of a schedule, whose timer is then set again.

    Args:
        services: The database and the timers.
        deployment_id: Whose schedule it is.
        slug: Which of its schedules.
        name: The timer that fired; where its schedule is gone it is removed.

    Raises:
        OSError: The timers cannot be reached.
    """
    with services.transaction() as tx:
        mine = select(schedule.c.id).where(schedule.c.deployment_id == deployment_id, schedule.c.slug == slug)
        is_there = tx.connection.execute(mine).first() is not None
        materialise_deployment(tx, deployment_id)
    if not is_there and services.timers is not None:
        services.timers.disarm(name)


def _settle(database: Database, timers: Timers, which: ColumnElement[bool], *, until: float | None = None) -> None:
    for now, rows in _batches(database, which):
        settled: list[dict[str, Any]] = []
        try:
            for row in rows:
                if until is not None and monotonic() >= until:
                    return
                timer_at = _settle_one(timers, row, now)
                if timer_at != row.timer_at:
                    settled.append({"schedule_id": row.id, "settled": timer_at})
        finally:
            # What was settled before the timers were away is not done again.
            _store(database, settled)


def _batches(database: Database, which: ColumnElement[bool]) -> Iterator[tuple[datetime, Sequence[Row[Any]]]]:
    """Read rows so that no connection is held, and nothing locked, while the cloud is asked."""
    wanted = TIMED.where(which).limit(_BATCH)
    page = wanted
    while True:
        with database.read() as connection:
            now = database.now(connection)
            rows = connection.execute(page).all()
        yield now, rows
        if len(rows) < _BATCH:
            return
        page = wanted.where(schedule.c.id > rows[-1].id)


def _settle_one(timers: Timers, row: Row[Any], now: datetime) -> datetime | None:
    """Set or remove a schedule's timer where that is to be done; returns for when it is set then."""
    due = _next_due(row) if row.makes_runs else None
    if due is None:
        if row.timer_at not in (None, NEVER):
            timers.disarm(name_of(row))
        return NEVER if row.makes_runs else None
    at = max(due - AHEAD, now + _SOONEST)
    armed: datetime | None = row.timer_at
    if armed is not None and now + _SOONEST <= armed <= at:
        return armed  # it fires early enough
    timers.arm(Timer(name_of(row), row.deployment_id, row.slug, at))
    return at


def _next_due(row: Row[Any]) -> datetime | None:
    try:
        return next_due(row, row.materialised_until)
    except InvalidInputError:
        return None  # who makes the runs has said so


def _store(database: Database, settled: list[dict[str, Any]]) -> None:
    if settled:
        move = update(schedule).where(schedule.c.id == bindparam("schedule_id")).values(timer_at=bindparam("settled"))
        with database.write() as connection:
            connection.execute(move, settled)
