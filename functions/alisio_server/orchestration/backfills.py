"""Backfills: making the runs of times that a schedule had while nobody materialised them. Asked twice, made once."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from alisio.contract.deployments import MAX_BACKFILL, BackfillAnswer, BackfillRequest, BackfillTime
from alisio_server.database.tables import flow_run, schedule
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.flow_runs import find_deployment
from alisio_server.orchestration.overlaps import BACKFILL
from alisio_server.orchestration.scheduling.materialise import insert_runs, run_of_time
from alisio_server.orchestration.scheduling.occurrences import occurrences
from alisio_server.orchestration.scheduling.stored_schedules import no_such_schedule
from alisio_server.services import Transaction

_INSTANT = timedelta(microseconds=1)


def backfill(tx: Transaction, deployment_id: UUID, wanted: BackfillRequest) -> BackfillAnswer:
    """Make a run for every time of a schedule in a span that has passed, but for those that have one.

    The runs are due now; each knows the time it stands for. They overlap only where the schedule's runs may.

    Args:
        tx: The transaction; it sends the wake-ups after its commit.
        deployment_id: The deployment.
        wanted: Which schedule and which span; or only to tell what would be made.

    Returns:
        The times with the runs they had before, and how many were made.

    Raises:
        NotFoundError: There is no such deployment or schedule.
        ConflictError: `no_work_pool`: the deployment's work pool was deleted.
        InvalidInputError: The span is empty, not over yet, or too long; or the schedule has to be named.
    """
    home = find_deployment(tx, deployment_id)
    row = _schedule_of(tx, deployment_id, wanted.schedule)
    now = tx.now()
    times = _times(row, wanted, now)
    known = _runs_of(tx, deployment_id, row.slug, times)
    created = 0
    if not wanted.dry_run:
        if home.work_queue_id is None:
            message = f"deployment {home.name!r} has no work pool any more: deploy it again to one that exists"
            raise ConflictError(message, code="no_work_pool")
        missing = [time for time in times if time not in known]
        created = insert_runs(tx, [run_of_time(home, row, time, now, now, BACKFILL) for time in missing], now)
    told = [BackfillTime(time=time, flow_run_id=known.get(time)) for time in times]
    return BackfillAnswer(schedule=row.slug, times=told, created=created)


def _schedule_of(tx: Transaction, deployment_id: UUID, slug: str | None) -> Row[Any]:
    mine = select(schedule).where(schedule.c.deployment_id == deployment_id).order_by(schedule.c.slug)
    rows = {row.slug: row for row in tx.connection.execute(mine)}
    known = ", ".join(rows) or "none"
    if slug is not None:
        if slug not in rows:
            raise no_such_schedule(slug, rows)
        return rows[slug]
    if len(rows) != 1:
        message = f"schedule: the deployment has {len(rows)} schedules: name one of them ({known})"
        raise InvalidInputError(message, field="schedule")
    return next(iter(rows.values()))


def _times(row: Row[Any], wanted: BackfillRequest, now: datetime) -> list[datetime]:
    end = wanted.end or now
    if end > now:
        message = "end: lies in the future: a schedule makes the runs of times to come itself"
        raise InvalidInputError(message, field="end")
    start = wanted.start
    if start > end:
        raise InvalidInputError(f"start: {start.isoformat()} comes after the end, {end.isoformat()}", field="start")
    due = takewhile(lambda time: time <= end, occurrences(row, start - _INSTANT))
    times = list(islice(due, MAX_BACKFILL + 1))
    if len(times) > MAX_BACKFILL:
        message = f"end: more than {MAX_BACKFILL:,} times lie between: the first that many end {times[-2].isoformat()}"
        raise InvalidInputError(message, field="end")
    return times


def _runs_of(tx: Transaction, deployment_id: UUID, slug: str, times: list[datetime]) -> dict[datetime, UUID]:
    if not times:
        return {}
    between = select(flow_run.c.occurrence, flow_run.c.id).where(
        flow_run.c.deployment_id == deployment_id,
        flow_run.c.schedule_slug == slug,
        flow_run.c.occurrence >= times[0],
        flow_run.c.occurrence <= times[-1],
    )
    return {row.occurrence: row.id for row in tx.connection.execute(between)}
