"""The runs that nobody has claimed yet: they follow when their deployment changes, or go with it or their queue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, select, update

from alisio.contract.states import StateType
from alisio_server.database.tables import deployment, flow_run, schedule
from alisio_server.orchestration.overlaps import BACKFILL, SCHEDULE, policy_of
from alisio_server.orchestration.proposals import PersonCancels
from alisio_server.orchestration.stored_runs import lock_runs, move
from alisio_server.services import Transaction

_BATCH = 500


def _unclaimed(deployment_id: UUID) -> ColumnElement[bool]:
    return and_(
        flow_run.c.deployment_id == deployment_id,
        flow_run.c.state_type == StateType.SCHEDULED,
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
    waiting = (*which, flow_run.c.state_type == StateType.SCHEDULED, flow_run.c.lease_until.is_(None))
    while rows := lock_runs(tx, *waiting, order_by=(flow_run.c.id,), limit=_BATCH):
        for row in rows:
            move(tx, row, PersonCancels(message), now)


def refresh_unclaimed(tx: Transaction, deployment_id: UUID) -> None:
    """Make the unclaimed runs of a deployment like what it is now.

    Those that schedules made take its parameters; all of them wait in its work queue, which is woken for those
    that came from another one. A schedule's policy of overlaps holds for all of its runs that have not ended.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
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
    elsewhere = flow_run.c.work_queue_id.is_distinct_from(home.work_queue_id)
    moved = (
        update(flow_run)
        .where(_unclaimed(deployment_id), elsewhere)
        .values(work_queue_id=home.work_queue_id, wake_at=now, updated=now)
        .returning(flow_run.c.id)
    )
    tx.woken.update(tx.connection.execute(moved).scalars())


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
