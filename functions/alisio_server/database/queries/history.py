"""Counting runs over time: hours that `hourly_counts` has counted are added up, the rest is read from the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from alisio.contract.history import MAX_BUCKETS, FlowRunHistory, FlowRunHistoryQuery, HistoryBucket
from alisio.contract.runs import FlowRunFilter
from alisio.contract.states import StateType
from alisio_server.database.instants import from_microseconds, to_microseconds
from alisio_server.database.queries.conditions import any_of, whole_seconds
from alisio_server.database.queries.flow_runs import conditions_of, origins_of
from alisio_server.database.tables import ALL_RUNS, clockwork, flow_run, hourly_runs, stale_hour
from alisio_server.errors import InvalidInputError

_HOUR = 3_600
_SECOND = 1_000_000
# SQLite takes expressions of 1,000 levels.
_SPANS_A_QUERY = 200
_TRIES = 3
_COUNTED_FIELDS = {
    "flow_ids", "flow_names", "deployment_ids", "deployment_names", "work_pool_names", "work_queue_names",
    "state_types", "is_subflow",
}  # fmt: skip
Span = tuple[int, int]
"""Seconds since 1970: from, and until just before."""
Counts = Counter[tuple[int, str]]
"""By the number of a bucket and the type of a state."""


@dataclass(frozen=True)
class _Axis:
    """The buckets, in seconds since 1970."""

    start: int
    end: int
    step: int

    def spans(self) -> list[Span]:
        return [(begin, min(begin + self.step, self.end)) for begin in range(self.start, self.end, self.step)]

    def number_at(self, second: ColumnElement[int]) -> ColumnElement[int]:
        return (second - self.start) // self.step


class _Marks(NamedTuple):
    """What tells whether the counted hours have changed: up to which they are, and the notes on them."""

    counted_until: int
    notes: int
    sum_of_ids: int


def read_history(connection: Connection, query: FlowRunHistoryQuery) -> FlowRunHistory:
    """Count the runs that were due in a span, by bucket and state.

    Args:
        connection: Where to read.
        query: Which runs, and the buckets.

    Raises:
        InvalidInputError: The span is empty, or has too many buckets.
    """
    axis = _axis_of(query)
    which = conditions_of(connection, query.filter)
    scopes = _scopes_of(connection, query.filter)
    for _ in range(0 if scopes is None else _TRIES):
        marks = _read_marks(connection)
        counts = _from_hours(connection, query.filter, scopes or [], axis, marks.counted_until)
        _add_runs(connection, which, _uncounted(connection, axis, marks.counted_until), axis, counts)
        # PostgreSQL shows each statement what is committed by then, and an hour may have been counted between two.
        if _read_marks(connection) == marks:
            return _build(axis, counts)
    counts = Counter()
    _add_runs(connection, which, [(axis.start, axis.end)], axis, counts)
    return _build(axis, counts)


def _read_marks(connection: Connection) -> _Marks:
    notes = select(func.count(), func.coalesce(func.sum(stale_hour.c.id), 0)).select_from(stale_hour).subquery()
    counted_until = select(clockwork.c.runs_counted_until).scalar_subquery()
    until, number, sum_of_ids = connection.execute(select(counted_until, *notes.columns)).one()
    return _Marks(until or 0, number, int(sum_of_ids))


def _axis_of(query: FlowRunHistoryQuery) -> _Axis:
    start = to_microseconds(query.start) // _SECOND
    axis = _Axis(start, -(-to_microseconds(query.end) // _SECOND), query.bucket_seconds)
    if axis.end <= axis.start:
        raise InvalidInputError(f"end: {query.end.isoformat()} does not come after the start", field="end")
    if axis.end - axis.start > axis.step * MAX_BUCKETS:
        least = -(-(axis.end - axis.start) // MAX_BUCKETS)
        message = f"bucket_seconds: there may be {MAX_BUCKETS} buckets: make them {least} s or longer"
        raise InvalidInputError(message, field="bucket_seconds")
    return axis


def _scopes_of(connection: Connection, wanted: FlowRunFilter) -> list[UUID] | None:
    """Choose the scopes whose counts answer a filter; None where none do."""
    if wanted.model_dump(exclude_none=True, exclude=_COUNTED_FIELDS):
        return None
    origins = origins_of(connection, wanted)
    if len(origins) > 1:
        return None
    return origins[0][1] if origins else [ALL_RUNS]


def _uncounted(connection: Connection, axis: _Axis, counted_until: int) -> list[Span]:
    """Find what is to be read from the runs: all but the hours that are counted and lie in one bucket."""
    hour = stale_hour.c.hour
    noted = select(hour).where(hour >= axis.start // _HOUR, hour <= axis.end // _HOUR).distinct()
    stale = sorted(connection.execute(noted).scalars())
    return list(_merged(_between(axis, counted_until, stale)))


def _between(axis: _Axis, counted_until: int, stale: Sequence[int]) -> Iterator[Span]:
    for begin, end in axis.spans():
        first, last = max(-(-begin // _HOUR), 0), min(end // _HOUR, counted_until)
        if first >= last:
            yield begin, end
            continue
        yield begin, first * _HOUR
        yield from ((hour * _HOUR, (hour + 1) * _HOUR) for hour in stale if first <= hour < last)
        yield last * _HOUR, end


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Join spans that follow each other, and leave out empty ones."""
    joined: Span | None = None
    for begin, end in spans:
        if begin == end:
            continue
        if joined is not None and joined[1] == begin:
            joined = (joined[0], end)
            continue
        if joined is not None:
            yield joined
        joined = (begin, end)
    if joined is not None:
        yield joined


def _from_hours(
    connection: Connection, wanted: FlowRunFilter, scopes: list[UUID], axis: _Axis, counted_until: int
) -> Counts:
    columns = hourly_runs.c
    begin = columns.hour * _HOUR
    statement = (
        select(axis.number_at(begin).label("number"), columns.state_type, func.sum(columns.runs))
        .where(
            columns.scope_id.in_(scopes),
            columns.hour >= max(-(-axis.start // _HOUR), 0),
            columns.hour < min(axis.end // _HOUR, counted_until),
            axis.number_at(begin + (_HOUR - 1)) == axis.number_at(begin),
            columns.hour.not_in(select(stale_hour.c.hour)),
            *any_of(columns.state_type, wanted.state_types),
            *([] if wanted.is_subflow is None else [columns.is_subflow == wanted.is_subflow]),
        )
        .group_by("number", columns.state_type)
    )
    return Counter({(number, state): int(runs) for number, state, runs in connection.execute(statement)})


def _add_runs(
    connection: Connection, which: list[ColumnElement[bool]], spans: list[Span], axis: _Axis, counts: Counts
) -> None:
    due = flow_run.c.due
    number = axis.number_at(whole_seconds(connection, due)).label("number")
    counted = select(number, flow_run.c.state_type, func.count()).where(*which)
    for some in (spans[place : place + _SPANS_A_QUERY] for place in range(0, len(spans), _SPANS_A_QUERY)):
        within = or_(*(and_(due >= _instant(begin), due < _instant(end)) for begin, end in some))
        statement = counted.where(within).group_by("number", flow_run.c.state_type)
        for place, state_type, runs in connection.execute(statement):
            counts[place, state_type] += runs


def _build(axis: _Axis, counts: Counts) -> FlowRunHistory:
    buckets = [HistoryBucket(start=_instant(begin), end=_instant(end), runs={}) for begin, end in axis.spans()]
    for (number, state_type), runs in sorted(counts.items()):
        buckets[number].runs[StateType(state_type)] = runs
    return FlowRunHistory(buckets=buckets)


def _instant(second: int) -> datetime:
    return from_microseconds(second * _SECOND)
