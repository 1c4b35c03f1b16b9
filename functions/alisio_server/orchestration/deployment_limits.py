"""How many runs of a deployment are executed at once: claims count by it, and decide what becomes of those beyond it.

The rows of deployments that have a limit, and of which runs are due, are locked before their slots are counted, in the
order of their ids and after those of pools and queues; so two claims at once count one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, delete, exists, or_, select

from alisio.contract.limits import ConcurrencyLimitStrategy
from alisio.contract.states import StateType
from alisio_server.database.tables import concurrency_slot, deployment, flow_run, work_queue
from alisio_server.orchestration.leases import EARLY_CLAIM
from alisio_server.orchestration.limits import deployment_key, slots_in_use, take_slots, wake_waiting
from alisio_server.orchestration.pause_rules import KEPT_WAITING
from alisio_server.orchestration.proposals import LimitReached, Reject
from alisio_server.orchestration.stored_runs import lock_runs, store, view_of
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_BATCH = 200


@dataclass
class LimitedDeployment:
    """A deployment with a limit, of which runs are due.

    Attributes:
        limit: How many runs at once.
        cancels: What is due beyond it is cancelled, and does not wait.
        grace_seconds: How long a claimed run may take to begin; None: as long as its pool allows.
        room: How many more may be executed now.
    """

    limit: int
    cancels: bool
    grace_seconds: int | None
    room: int


_LIMITED: Select[Any] = select(
    deployment.c.id,
    deployment.c.concurrency_limit,
    deployment.c.collision_strategy,
    deployment.c.grace_period_seconds,
).where(deployment.c.concurrency_limit.is_not(None))
_DUE = (
    flow_run.c.state_type == StateType.SCHEDULED,
    flow_run.c.lease_until.is_(None),
    flow_run.c.due <= bindparam("until"),
)
# Built once: each claim asks, and mostly there is none.
_IN_QUEUES = (
    _LIMITED.where(
        exists().where(
            flow_run.c.deployment_id == deployment.c.id,
            *_DUE,
            flow_run.c.work_queue_id.in_(bindparam("queues", expanding=True)),
        )
    )
    .order_by(deployment.c.id)
    .with_for_update(key_share=True, of=deployment)
)
# By what is due, of which an index by queues knows: asking each deployment would read all the runs that it ever had.
_OF_DUE = select(flow_run.c.deployment_id).where(*_DUE, flow_run.c.work_queue_id.in_(select(work_queue.c.id)))
_ANYWHERE = _LIMITED.where(deployment.c.id.in_(_OF_DUE)).order_by(deployment.c.id)
_LOCKED = _ANYWHERE.with_for_update(key_share=True, skip_locked=True, of=deployment)


def limited_in_queues(tx: Transaction, queue_ids: Collection[UUID], until: datetime) -> dict[UUID, LimitedDeployment]:
    """Read, lock and count the deployments with a limit of which runs in these work queues are due.

    Args:
        tx: The transaction.
        queue_ids: The work queues.
        until: Until when a run is due.

    Returns:
        What there is of them, by their ids.
    """
    values = {"queues": list(queue_ids), "until": until}
    return _counted(tx, tx.connection.execute(_IN_QUEUES, values).all())


def full_deployments(tx: Transaction, now: datetime) -> list[UUID]:
    """Give the deployments whose due runs wait for others of theirs to end."""
    limited = _counted(tx, tx.connection.execute(_ANYWHERE, {"until": now}).all())
    return [deployment_id for deployment_id, found in limited.items() if found.room <= 0]


def hold_back_beyond_limits(tx: Transaction) -> int:
    """Decide what becomes of due runs of deployments that have no room, up to 200 of them; returns how many."""
    now = tx.now()
    return decide_beyond(tx, _counted(tx, tx.connection.execute(_LOCKED, {"until": now}).all()), now)


def decide_beyond(tx: Transaction, limited: dict[UUID, LimitedDeployment], now: datetime) -> int:
    """Let due runs of deployments that have no room wait, or cancel them, up to 200 of them.

    Args:
        tx: The transaction.
        limited: The deployments, locked.
        now: The database's time.

    Returns:
        How many runs were told.
    """
    full = {deployment_id: found for deployment_id, found in limited.items() if found.room <= 0}
    if not full:
        return 0
    cancelling = [deployment_id for deployment_id, found in full.items() if found.cancels]
    untold = or_(
        flow_run.c.state_name.not_in(KEPT_WAITING),
        and_(flow_run.c.deployment_id.in_(cancelling), flow_run.c.attempt == 0),
    )
    due = (
        flow_run.c.deployment_id.in_(full),
        flow_run.c.work_queue_id.is_not(None),
        flow_run.c.state_type == StateType.SCHEDULED,
        flow_run.c.lease_until.is_(None),
        flow_run.c.due <= now,
        untold,
    )
    rows = lock_runs(tx, *due, order_by=(flow_run.c.due, flow_run.c.id), limit=_BATCH)
    return sum(_decide(tx, row, full[row.deployment_id], now) for row in rows)


def _decide(tx: Transaction, row: Row[Any], found: LimitedDeployment, now: datetime) -> bool:
    verdict = propose(view_of(row), LimitReached(found.limit, found.cancels), now)
    if isinstance(verdict, Reject):
        return False
    store(tx, row, verdict, now)
    return True


def set_limit(tx: Transaction, deployment_id: UUID, before: int | None, limit: int | None) -> None:
    """Follow a change of a deployment's limit.

    Runs that are executed take slots once there is a limit to count them by, and runs that wait are woken where
    there is more room.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        before: Its limit until now.
        limit: Its limit from now on.
    """
    if before is None and limit is not None:
        key = deployment_key(deployment_id)
        take_slots(tx, [(run_id, attempt, (key,)) for run_id, attempt in _executed(tx, deployment_id)])
    if before is not None and limit is None:
        mine = concurrency_slot.c.limit_key == deployment_key(deployment_id)
        tx.connection.execute(delete(concurrency_slot).where(mine))
    if before is not None and (limit is None or limit > before):
        wake_waiting(tx, flow_run.c.deployment_id == deployment_id, tx.now())


def _executed(tx: Transaction, deployment_id: UUID) -> list[tuple[UUID, int]]:
    """Lock the runs of a deployment that are executed, or could be claimed; give the former, with their attempts.

    One that ends at this moment would leave its slot behind. One that is being claimed, by somebody who does not see
    the limit yet, has no lease for others to see: its lock is waited for, and then it shows its lease.
    """
    claimable = and_(flow_run.c.state_type == StateType.SCHEDULED, flow_run.c.due <= tx.now() + EARLY_CLAIM)
    leased = flow_run.c.lease_until.is_not(None)
    wanted = select(flow_run.c.id, flow_run.c.attempt, flow_run.c.lease_until).where(
        flow_run.c.deployment_id == deployment_id, flow_run.c.ended.is_(None), or_(leased, claimable)
    )
    rows = tx.connection.execute(wanted.order_by(flow_run.c.id).with_for_update(key_share=True))
    return [(row.id, row.attempt) for row in rows if row.lease_until is not None]


def _counted(tx: Transaction, rows: Iterable[Row[Any]]) -> dict[UUID, LimitedDeployment]:
    found = {row.id: row for row in rows}
    if not found:
        return {}
    used = slots_in_use(tx, [deployment_key(deployment_id) for deployment_id in found])
    return {
        deployment_id: LimitedDeployment(
            limit=row.concurrency_limit,
            cancels=row.collision_strategy == ConcurrencyLimitStrategy.CANCEL_NEW,
            grace_seconds=row.grace_period_seconds,
            room=row.concurrency_limit - used[deployment_key(deployment_id)],
        )
        for deployment_id, row in found.items()
    }
