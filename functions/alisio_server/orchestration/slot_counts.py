"""Counting the slots of named limits: those that are held, those that others wait for, those that decay.

A slot counts as long as its lease: that of its own, or that of the attempt of the root run it lives on. So the slots
of a run that ends, crashes, is suspended or begins its next attempt are free in the same moment. Of a run whose lease
ended because nothing was heard of it nobody knows whether its code still runs: its slots count a while longer, until
`expires`, and are its own again when it comes back.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, or_, select

from alisio_server.database.limit_tables import concurrency_lease, concurrency_lease_slots
from alisio_server.database.tables import flow_run

_lease, _slots = concurrency_lease.c, concurrency_lease_slots.c


class Taken(NamedTuple):
    """How many slots of a limit are held, and how many others wait for that go first."""

    held: int = 0
    awaited: int = 0


def run_is_leased() -> ColumnElement[bool]:
    """Make the condition on `concurrency_lease` that the attempt it lives on holds its run's lease."""
    return exists().where(
        flow_run.c.id == _lease.flow_run_id,
        flow_run.c.attempt == _lease.attempt,
        flow_run.c.lease_until.is_not(None),
    )


def holds(now: datetime) -> ColumnElement[bool]:
    """Make the condition on `concurrency_lease` that its slots are held. The end of one of its own is the tick's."""
    return and_(~_lease.waiting, or_(_lease.flow_run_id.is_(None), run_is_leased(), _lease.expires > now))


def count_taken(
    connection: Connection, limit_ids: Collection[UUID], now: datetime, ticket: tuple[datetime, UUID] | None = None
) -> dict[UUID, Taken]:
    """Count the slots of limits.

    Args:
        connection: Where to read.
        limit_ids: The limits.
        now: The database's time.
        ticket: Since when somebody waits, and the lease: who waits longer goes first. None: nobody waits.

    Returns:
        The counts by limit; those of which nothing is taken are left out.
    """
    columns = [_slots.limit_id, func.coalesce(func.sum(_slots.slots).filter(holds(now)), 0).label("held")]
    if ticket is not None:
        asked, lease_id = ticket
        goes_first = or_(_lease.asked < asked, and_(_lease.asked == asked, _lease.id < lease_id))
        awaited = func.sum(_slots.slots).filter(and_(_lease.waiting, _lease.expires > now, goes_first))
        columns.append(func.coalesce(awaited, 0).label("awaited"))
    counts = (
        select(*columns)
        .join(concurrency_lease, _lease.id == _slots.lease_id)
        .where(_slots.limit_id.in_(limit_ids))
        .group_by(_slots.limit_id)
    )
    if ticket is not None:
        counts = counts.where(_lease.id != ticket[1])
    rows = connection.execute(counts)
    return {row.limit_id: Taken(int(row.held), int(row.awaited) if ticket is not None else 0) for row in rows}


def decaying_at(limit: Row[Any], now: datetime) -> float:
    """Tell how many slots of a limit of rate have not come back yet."""
    if limit.slot_decay_per_second == 0:
        return 0.0
    seconds = max(0.0, (now - limit.decayed_at).total_seconds())
    return float(max(0.0, limit.decaying - seconds * limit.slot_decay_per_second))
