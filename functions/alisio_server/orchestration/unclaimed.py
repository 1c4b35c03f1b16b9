"""The runs that nobody has claimed yet: they follow when their deployment changes, or go with it or their queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, delete, literal, or_, select, update

from alisio.contract.states import StateType
from alisio_server.database.tables import deployment, flow_run, schedule, work_queue
from alisio_server.database.types import Instant
from alisio_server.orchestration.overlaps import BACKFILL, SCHEDULE, policy_of
from alisio_server.orchestration.proposals import PersonCancels
from alisio_server.orchestration.stored_runs import lock_runs, move
from alisio_server.services import Transaction

_BATCH = 500
_SCHEDULED = flow_run.c.state_type == StateType.SCHEDULED
# Suspended since it was made, as it waits for others to end.
_WAITS_FOR_OTHERS = and_(flow_run.c.state_type == StateType.PAUSED, flow_run.c.attempt == 0)


def _unclaimed(deployment_id: UUID) -> ColumnElement[bool]:
    return and_(
        flow_run.c.deployment_id == deployment_id,
        flow_run.c.state_type.in_((StateType.SCHEDULED, StateType.PAUSED)),
        flow_run.c.attempt == 0,
    )


def remove_unclaimed(tx: Transaction, deployment_id: UUID, slugs: list[str]) -> None:
    """Remove the runs that schedules made and nobody has claimed yet; those of a backfill stay.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        slugs: The schedules.
    """
    of_schedules = and_(flow_run.c.schedule_slug.in_(slugs), flow_run.c.created_by == SCHEDULE)
    tx.connection.execute(delete(flow_run).where(_unclaimed(deployment_id), of_schedules))


def cancel_waiting(tx: Transaction, *which: ColumnElement[bool], message: str) -> None:
    """Cancel runs that wait to be claimed, whether or not they were executed before.

    Args:
        tx: The transaction.
        which: Conditions on `flow_run`.
        message: Why, for their states.
    """
    now = tx.now()
    waiting = (*which, or_(_SCHEDULED, _WAITS_FOR_OTHERS), flow_run.c.lease_until.is_(None))
    while rows := lock_runs(tx, *waiting, order_by=(flow_run.c.id,), limit=_BATCH):
        for row in rows:
            move(tx, row, PersonCancels(message), now)


def refresh_unclaimed(tx: Transaction, deployment_id: UUID, before: UUID | None) -> None:
    """Make the unclaimed runs of a deployment like what it is now.

    Those that schedules made take its parameters. All that waited in its work queue wait in its new one, which is
    woken for them; who asked for a queue of its own finds that in the new work pool too, where it has one of that name.
    A schedule's policy of overlaps holds for all of its runs that have not ended.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        before: The work queue it had until now; None: it is new, or its queue was deleted.
    """
    home = tx.connection.execute(select(deployment).where(deployment.c.id == deployment_id)).one()
    now = tx.now()
    of_home = select(schedule).where(schedule.c.deployment_id == deployment_id)
    for row in tx.connection.execute(of_home).all():
        _set_overlap(tx, row)
        values = {
            "parameters": {**home.parameters, **row.parameters},
            "tags": home.tags,
            "flow_version": home.version,
            "retries": home.retries,
            "retry_delays": home.retry_delays,
            "updated": now,
        }
        mine = and_(_unclaimed(deployment_id), flow_run.c.schedule_slug == row.slug)
        tx.connection.execute(update(flow_run).where(mine).values(values))
    _move_unclaimed(tx, home, before, now)


def _move_unclaimed(tx: Transaction, home: Row[Any], before: UUID | None, now: datetime) -> None:
    """Have the unclaimed runs wait where their deployment has them wait, or where they were asked to."""
    elsewhere = and_(_unclaimed(home.id), flow_run.c.work_queue_id.is_distinct_from(home.work_queue_id))
    names = select(work_queue.c.id, work_queue.c.name, work_queue.c.work_pool_id)
    of_pool = work_queue.c.work_pool_id == (
        select(work_queue.c.work_pool_id).where(work_queue.c.id == home.work_queue_id).scalar_subquery()
    )
    queues = {queue.name: queue.id for queue in tx.connection.execute(names.where(of_pool))}
    waiting = select(work_queue.c.id, work_queue.c.name).where(
        work_queue.c.id.in_(select(flow_run.c.work_queue_id).where(elsewhere).distinct())
    )
    goals = {old.id: queues.get(old.name, home.work_queue_id) for old in tx.connection.execute(waiting)}
    moves: list[tuple[UUID | None, UUID]] = [(None, home.work_queue_id)]
    moves += [(old, home.work_queue_id if old == before else goal) for old, goal in goals.items()]
    for old, goal in moves:
        if old == goal:
            continue
        there = flow_run.c.work_queue_id.is_(None) if old is None else flow_run.c.work_queue_id == old
        # Who waits for others is not to be woken for.
        wake_at = case((_SCHEDULED, literal(now, Instant())))
        moved = update(flow_run).where(elsewhere, there).values(work_queue_id=goal, wake_at=wake_at, updated=now)
        tx.woken.update(tx.connection.execute(moved.returning(flow_run.c.id)).scalars())


def _set_overlap(tx: Transaction, row: Row[Any]) -> None:
    for created_by in (SCHEDULE, BACKFILL):
        overlap = policy_of(row.overlap, created_by)
        live = (
            flow_run.c.deployment_id == row.deployment_id,
            flow_run.c.schedule_slug == row.slug,
            flow_run.c.created_by == created_by,
            flow_run.c.ended.is_(None),
            flow_run.c.overlap.is_distinct_from(overlap),
        )
        tx.connection.execute(update(flow_run).where(*live).values(overlap=overlap))
