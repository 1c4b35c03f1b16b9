"""Making the runs of schedules ahead of time: at most one for each instant, however often this is done."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, insert, select, update

from alisio.contract.deployments import CatchUp
from alisio.contract.states import StateType
from alisio_server.database.tables import deployment, flow_run, flow_run_state, schedule
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.leases import HORIZON
from alisio_server.orchestration.new_runs import first_state, scheduled_run
from alisio_server.orchestration.overlaps import SCHEDULE, policy_of
from alisio_server.orchestration.scheduling.occurrences import Rule, latest_due, occurrences
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

MAX_UPCOMING = 100
"""How many runs of one schedule wait ahead of their time, so that a dense one does not fill the database."""

MAX_CAUGHT_UP = 100
"""How many missed runs of one schedule with `catch_up: all` are made in one pass."""

BATCH = 200
"""How many schedules one transaction deals with."""

# A schedule is looked at again when it lags by this much, not at every tick.
_SLACK = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def materialise_lagging(tx: Transaction, after_id: UUID | None) -> tuple[int, UUID | None]:
    """Make the runs of the next batch of schedules whose watermark lags.

    Args:
        tx: The transaction.
        after_id: The last schedule of the batch before; None at first.

    Returns:
        How many runs were made, and the last schedule of the batch; None when there are no more.
    """
    now = tx.now()
    conditions = [schedule.c.materialised_until < now + HORIZON - _SLACK]
    if after_id is not None:
        conditions.append(schedule.c.id > after_id)
    rows = _read(tx, now, *conditions)
    return _materialise(tx, rows, now), rows[-1].id if len(rows) == BATCH else None


def materialise_deployment(tx: Transaction, deployment_id: UUID) -> None:
    """Make the runs of the schedules of one deployment.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
    """
    now = tx.now()
    tx.rescheduled.add(deployment_id)
    _materialise(tx, _read(tx, now, schedule.c.deployment_id == deployment_id), now)


def plan(
    rule: Rule, catch_up: CatchUp, watermark: datetime, now: datetime, room: int
) -> tuple[list[datetime], datetime]:
    """Choose the times for which a schedule gets runs now.

    Args:
        rule: The schedule.
        catch_up: Which of the missed times get a run.
        watermark: Times up to this instant were dealt with.
        now: The present; times up to it that were not dealt with are missed.
        room: How many runs may be made for times to come.

    Returns:
        The times, ascending, and the new watermark.
    """
    horizon = max(now + HORIZON, watermark)
    begin = watermark if catch_up is CatchUp.ALL else max(watermark, now)
    times: list[datetime] = []
    if catch_up is CatchUp.LATEST and watermark < now:
        missed = latest_due(rule, watermark, now)
        times += [] if missed is None else [missed]
    left = {True: MAX_CAUGHT_UP, False: room}
    for time in occurrences(rule, begin):
        if time > horizon:
            break
        if left[time <= now] <= 0:
            return times, max([begin, *times])
        left[time <= now] -= 1
        times.append(time)
    return times, horizon


def _read(tx: Transaction, now: datetime, *conditions: ColumnElement[bool]) -> Sequence[Row[Any]]:
    upcoming = (
        select(func.count())
        .where(
            flow_run.c.deployment_id == schedule.c.deployment_id,
            flow_run.c.schedule_slug == schedule.c.slug,
            flow_run.c.occurrence > now,
            flow_run.c.state_type == StateType.SCHEDULED,
        )
        .scalar_subquery()
    )
    active: Select[Any] = (
        select(schedule, upcoming.label("upcoming"))
        .join(deployment, schedule.c.deployment_id == deployment.c.id)
        .where(schedule.c.active, ~deployment.c.paused, deployment.c.work_queue_id.is_not(None), *conditions)
        .order_by(schedule.c.id)
        .limit(BATCH)
        .with_for_update(of=schedule, skip_locked=True)
    )
    return tx.connection.execute(active).all()


def _materialise(tx: Transaction, schedules: Sequence[Row[Any]], now: datetime) -> int:
    if not schedules:
        return 0
    homes = _homes(tx, {row.deployment_id for row in schedules})
    runs: list[dict[str, Any]] = []
    watermarks: list[dict[str, Any]] = []
    for row in schedules:
        room = MAX_UPCOMING - row.upcoming
        try:
            times, watermark = plan(row, CatchUp(row.catch_up), row.materialised_until, now, room)
        except InvalidInputError as error:
            _log.error("schedule %s of deployment %s is left out: %s", row.slug, row.deployment_id, error)
            continue
        runs += [run_of_time(homes[row.deployment_id], row, time, time, now, SCHEDULE) for time in times]
        watermarks.append({"schedule_id": row.id, "watermark": watermark})
    if watermarks:
        move_on = update(schedule).where(schedule.c.id == bindparam("schedule_id"))
        tx.connection.execute(move_on.values(materialised_until=bindparam("watermark")), watermarks)
    return insert_runs(tx, runs, now)


def _homes(tx: Transaction, deployment_ids: set[UUID]) -> dict[UUID, Row[Any]]:
    rows = tx.connection.execute(select(deployment).where(deployment.c.id.in_(deployment_ids)))
    return {row.id: row for row in rows}


def run_of_time(
    home: Row[Any], row: Row[Any], time: datetime, due: datetime, now: datetime, created_by: str
) -> dict[str, Any]:
    """Lay out the row of a run that stands for a time of a schedule.

    Args:
        home: The deployment's row.
        row: The schedule's row.
        time: The time.
        due: When the run is to start.
        now: The database's time.
        created_by: `schedule` or `backfill`.

    Returns:
        Values by the names of the columns of `flow_run`.
    """
    return scheduled_run(home, due, now) | {
        "parameters": {**home.parameters, **row.parameters},
        "tags": home.tags,
        "schedule_slug": row.slug,
        "occurrence": time,
        "overlap": policy_of(row.overlap, created_by),
        "created_by": created_by,
    }


def insert_runs(tx: Transaction, runs: list[dict[str, Any]], now: datetime) -> int:
    """Store runs of schedules, but for the times that have one already.

    Args:
        tx: The transaction; it sends the wake-ups after its commit.
        runs: What `run_of_time` laid out.
        now: The database's time.

    Returns:
        How many are new.
    """
    if not runs:
        return 0
    statement = insert_into(tx, flow_run).on_conflict_do_nothing(
        index_elements=["deployment_id", "schedule_slug", "occurrence"]
    )
    made = set(tx.connection.execute(statement.returning(flow_run.c.id), runs).scalars())
    new = [run for run in runs if run["id"] in made]
    if new:
        tx.connection.execute(insert(flow_run_state), [first_state(run) for run in new])
    tx.woken.update(run["id"] for run in new if run["wake_at"] <= now)
    return len(new)
