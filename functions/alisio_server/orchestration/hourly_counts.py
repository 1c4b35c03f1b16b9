"""Counting the runs of hours that are over, so that a dashboard over a million runs adds up a few thousand numbers.

Hours before the mark `clockwork.runs_counted_until` are counted in `hourly_runs`. Whatever changes such runs, a
cascade too, leaves a note in `stale_hour`, written by a trigger in the transaction that makes the change. An hour
with a note is read from the runs themselves until it is counted anew. A note is removed before its hour is counted,
so that the count sees all that its notes told of; one that is committed meanwhile stays for the next count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Uuid,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from alisio_server.database.instants import from_hour, to_hour
from alisio_server.database.queries.conditions import whole_seconds
from alisio_server.database.tables import ALL_RUNS, clockwork, flow_run, hourly_runs, stale_hour
from alisio_server.orchestration.bites import BUDGET_SECONDS, Bite, take_bites
from alisio_server.services import Services, Transaction

HOUR_SECONDS = 3_600
# How long an hour is over before it is counted. Triggers take note of changes one hour after a run was due, so only
# a transaction that goes on for the hour between would be missed.
_SETTLED = timedelta(hours=2)
_HOURS = 24


def count_hours(services: Services, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Count the runs of hours that are over, and anew those of hours that have changed since.

    Args:
        services: The database.
        budget_seconds: How long to go on; a transaction that has begun is ended.

    Returns:
        How many hours were counted.
    """
    return take_bites(services, _count_some, time.monotonic() + budget_seconds)


def _count_some(tx: Transaction) -> Bite:
    known, settled = _read_mark(tx), to_hour(tx.now() - _SETTLED)
    if known > settled:
        # The clock was put back: what happens in the hours after it is not noted.
        tx.connection.execute(delete(hourly_runs).where(hourly_runs.c.hour >= settled))
    mark = min(known, settled)
    hours = _take_notes(tx, mark)
    begin = _next_hour(tx, mark)
    end = settled if begin is None else min(begin + _HOURS, settled)
    if begin is not None:
        hours += range(begin, end)
    _count(tx, hours)
    if max(mark, end) != known:
        tx.connection.execute(update(clockwork).values(runs_counted_until=max(mark, end)))
    return Bite(len(hours), bool(hours))


def _read_mark(tx: Transaction) -> int:
    return tx.connection.execute(select(clockwork.c.runs_counted_until)).scalar_one() or 0


def _take_notes(tx: Transaction, mark: int) -> list[int]:
    """Remove the notes on some hours that were counted, and on all that were not; give the former."""
    noted = select(stale_hour.c.hour).where(stale_hour.c.hour < mark).distinct().limit(_HOURS)
    hours = sorted(tx.connection.execute(noted).scalars())
    tx.connection.execute(delete(stale_hour).where(or_(stale_hour.c.hour.in_(hours), stale_hour.c.hour >= mark)))
    return hours


def _next_hour(tx: Transaction, mark: int) -> int | None:
    first = select(func.min(flow_run.c.due)).where(flow_run.c.due >= from_hour(mark))
    due: datetime | None = tx.connection.execute(first).scalar_one()
    return None if due is None else to_hour(due)


def _count(tx: Transaction, hours: Sequence[int]) -> None:
    if not hours:
        return
    tx.connection.execute(delete(hourly_runs).where(hourly_runs.c.hour.in_(hours)))
    spans = [
        and_(flow_run.c.due >= from_hour(first), flow_run.c.due < from_hour(last + 1)) for first, last in _runs(hours)
    ]
    scopes = (literal(ALL_RUNS, Uuid()), flow_run.c.flow_id, flow_run.c.deployment_id, flow_run.c.work_queue_id)
    counts = [_counts_of(tx.connection, scope, or_(*spans)) for scope in scopes]
    columns = [column.name for column in hourly_runs.columns]
    tx.connection.execute(insert(hourly_runs).from_select(columns, union_all(*counts)))


def _counts_of(connection: Connection, scope: ColumnElement[Any], which: ColumnElement[bool]) -> Select[Any]:
    hour = (whole_seconds(connection, flow_run.c.due) // HOUR_SECONDS).label("hour")
    is_subflow = flow_run.c.parent_flow_run_id.is_not(None).label("is_subflow")
    scoped = scope.label("scope_id")
    return (
        select(scoped, hour, is_subflow, flow_run.c.state_type, func.count())
        .where(which, scope.is_not(None))
        .group_by("scope_id", "hour", "is_subflow", flow_run.c.state_type)
    )


def _runs(hours: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Find the first and the last of hours that follow each other."""
    ordered = sorted(hours)
    first = last = ordered[0]
    for hour in ordered[1:]:
        if hour > last + 1:
            yield first, last
            first = hour
        last = hour
    yield first, last
