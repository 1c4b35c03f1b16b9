"""Concurrency limits of pools, queues and deployments: slots are rows, and a freed slot wakes those who wait for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from alisio.contract.states import StateType
from alisio_server.database.tables import concurrency_slot, deployment, flow_run, work_queue
from alisio_server.orchestration.leases import EARLY_CLAIM
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

MAX_WOKEN = 100
"""How many waiting runs a freed slot, an unpaused queue or a raised limit wakes."""

Holder = tuple[UUID, int, Sequence[str]]
"""A run, its attempt, and the limits of which it takes a slot each."""


def pool_key(work_pool_id: UUID) -> str:
    """Name the limit of a pool."""
    return f"work-pool:{work_pool_id}"


def queue_key(work_queue_id: UUID) -> str:
    """Name the limit of a queue."""
    return f"work-queue:{work_queue_id}"


def deployment_key(deployment_id: UUID) -> str:
    """Name the limit of a deployment."""
    return f"deployment:{deployment_id}"


def slots_in_use(tx: Transaction, keys: Collection[str]) -> dict[str, int]:
    """Count the slots that are taken.

    Args:
        tx: The transaction.
        keys: Names of limits.

    Returns:
        The count by name; every name is in it.
    """
    counts = (
        select(concurrency_slot.c.limit_key, func.count().label("taken"))
        .where(concurrency_slot.c.limit_key.in_(keys))
        .group_by(concurrency_slot.c.limit_key)
    )
    return dict.fromkeys(keys, 0) | {row.limit_key: row.taken for row in tx.connection.execute(counts)}


def take_slots(tx: Transaction, holders: Iterable[Holder]) -> None:
    """Give runs their slots.

    Those of pools and queues are taken without a limit too, so that one set later counts right.
    """
    rows = [
        {"limit_key": key, "flow_run_id": run_id, "attempt": attempt}
        for run_id, attempt, keys in holders
        for key in keys
    ]
    if rows:
        tx.connection.execute(insert_into(tx, concurrency_slot).on_conflict_do_nothing(), rows)


def retake_slots(tx: Transaction, row: Row[Any]) -> None:
    """Give a run that was believed dead, and has come back, the slots that it had."""
    keys = [pool_key(row.work_pool_id), queue_key(row.work_queue_id)]
    limit = select(deployment.c.concurrency_limit).where(deployment.c.id == row.deployment_id)
    if tx.connection.execute(limit).scalar() is not None:
        keys.append(deployment_key(row.deployment_id))
    take_slots(tx, [(row.id, row.attempt, keys)])


def move_slots(tx: Transaction, row: Row[Any], attempt: int) -> None:
    """Hand a run's slots on to its next attempt."""
    mine = concurrency_slot.c.flow_run_id == row.id
    tx.connection.execute(update(concurrency_slot).where(mine).values(attempt=attempt))


def free_slots(tx: Transaction, row: Row[Any], now: datetime) -> None:
    """Take a run's slots away, and wake those who wait for them.

    Args:
        tx: The transaction.
        row: The run, as `stored_runs` reads it: with its pool, and the limits of queue and pool.
        now: The database's time.
    """
    if row.work_queue_id is None:
        return
    mine = delete(concurrency_slot).where(concurrency_slot.c.flow_run_id == row.id)
    freed = tx.connection.execute(mine.returning(concurrency_slot.c.limit_key)).scalars().all()
    if not freed:
        return
    if row.pool_limit is not None:
        wake_waiting(tx, work_queue.c.work_pool_id == row.work_pool_id, now)
    elif row.queue_limit is not None:
        wake_waiting(tx, work_queue.c.id == row.work_queue_id, now)
    if deployment_key(row.deployment_id) in freed:
        wake_waiting(tx, flow_run.c.deployment_id == row.deployment_id, now)


def wake_next_of_schedule(tx: Transaction, row: Row[Any], now: datetime) -> None:
    """Have the queue woken for the run that waited for another one of its schedule.

    Args:
        tx: The transaction; it sends the wake-up after its commit.
        row: The run that is not executed any more, as `stored_runs` reads it.
        now: The database's time.
    """
    if row.overlap is None:
        return
    waiting = (
        select(flow_run.c.id)
        .where(
            flow_run.c.deployment_id == row.deployment_id,
            flow_run.c.schedule_slug == row.schedule_slug,
            flow_run.c.overlap.is_not(None),
            flow_run.c.ended.is_(None),
            flow_run.c.state_type == StateType.SCHEDULED,
            flow_run.c.id != row.id,
            flow_run.c.due <= now + EARLY_CLAIM,
        )
        .order_by(flow_run.c.occurrence)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    wake = update(flow_run).where(flow_run.c.id.in_(waiting)).values(wake_at=now).returning(flow_run.c.id)
    tx.woken.update(tx.connection.execute(wake).scalars())


def wake_waiting(tx: Transaction, which: ColumnElement[bool], now: datetime) -> None:
    """Have the queues of runs that wait to be claimed woken, for up to 100 runs that are due.

    Args:
        tx: The transaction; it sends the wake-ups after its commit.
        which: Which runs, as a condition on `flow_run` and the `work_queue` it waits in.
        now: The database's time.
    """
    waiting = (
        select(flow_run.c.id)
        .join(work_queue, flow_run.c.work_queue_id == work_queue.c.id)
        .where(
            which,
            flow_run.c.state_type == StateType.SCHEDULED,
            flow_run.c.lease_until.is_(None),
            flow_run.c.due <= now + EARLY_CLAIM,
        )
        .order_by(flow_run.c.due, flow_run.c.id)
        .limit(MAX_WOKEN)
        .with_for_update(of=flow_run, skip_locked=True)
    )
    wake = update(flow_run).where(flow_run.c.id.in_(waiting)).values(wake_at=now).returning(flow_run.c.id)
    tx.woken.update(tx.connection.execute(wake).scalars())
