"""The claim: the one atomic write by which an agent takes runs, opening an attempt of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, delete, exists, insert, or_, select, update

from alisio.contract.states import StateType
from alisio.contract.work_pools import ClaimAnswer, ClaimRequest
from alisio_server.database.tables import agent, claim, deployment, flow_run, flow_run_state, work_pool, work_queue
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.deployment_limits import LimitedDeployment, decide_beyond, limited_in_queues
from alisio_server.orchestration.jobs import jobs_of
from alisio_server.orchestration.leases import EARLY_CLAIM, LEASE, START_TIMEOUT_SECONDS
from alisio_server.orchestration.limits import deployment_key, pool_key, queue_key, slots_in_use, take_slots
from alisio_server.orchestration.overlaps import free_to_start, hold_back, is_blocked
from alisio_server.orchestration.proposals import Accept, AgentClaims
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.stored_runs import UNLOCKED_RUNS, changes_of, history_of, view_of
from alisio_server.orchestration.transitions import propose
from alisio_server.orchestration.work_pools import find_pool, no_such_queue
from alisio_server.services import Transaction

Taken = tuple[Row[Any], Accept]
"""A run that is taken, and what the rules say of it."""

Limited = dict[UUID, LimitedDeployment]
"""The deployments that have a limit, of those whose runs are due."""

# Of a deployment with a limit that was not counted, as its first run fell due, or its limit was set, a moment ago.
_IS_UNCOUNTED = exists().where(
    deployment.c.id == flow_run.c.deployment_id,
    deployment.c.concurrency_limit.is_not(None),
    deployment.c.id.not_in(bindparam("limited", expanding=True)),
)
# Built once: building it takes longer than executing it.
_DUE: Select[Any] = (
    UNLOCKED_RUNS.where(
        flow_run.c.work_queue_id.in_(bindparam("queues", expanding=True)),
        flow_run.c.state_type == StateType.SCHEDULED,
        flow_run.c.lease_until.is_(None),
        flow_run.c.deployment_id.is_not(None),
        flow_run.c.due <= bindparam("until"),
        or_(flow_run.c.overlap.is_(None), ~is_blocked(bindparam("until"))),
        flow_run.c.id.not_in(bindparam("taken", expanding=True)),
        flow_run.c.deployment_id.not_in(bindparam("full", expanding=True)),
        ~_IS_UNCOUNTED,
    )
    .order_by(flow_run.c.due, flow_run.c.id)
    .limit(bindparam("room"))
)


def claim_runs(tx: Transaction, pool_name: str, request: ClaimRequest, bundle_url: Callable[[str], str]) -> ClaimAnswer:
    """Give an agent the runs that are due, as far as its slots and the limits go.

    Args:
        tx: The transaction.
        pool_name: The agent's work pool.
        request: Which queues, how many slots, and the `claim_id`: the same one gives the same jobs again.
        bundle_url: Tells where a bundle is fetched, by its sha256.

    Returns:
        The jobs; none if nothing is due, the pool is paused, or the limits are reached.

    Raises:
        NotFoundError: There is no such pool or queue, or the agent has not told of itself yet.
        ConflictError: The agent belongs to another pool, or the claim to another agent.
    """
    pool = find_pool(tx, pool_name)
    _check_agent(tx, pool, request.agent_id)
    now = tx.now()
    if _is_new(tx, pool, request, now):
        taken, limited = ([], {}) if pool.paused else _take(tx, pool, request, now)
        if not taken:
            return ClaimAnswer(jobs=[])
        _open_attempts(tx, pool, taken, limited, request, now)
    return ClaimAnswer(jobs=jobs_of(tx, request.claim_id, bundle_url))


def forget_claims(tx: Transaction, made_before: datetime) -> int:
    """Remove the claims made before an instant, whose answers nobody asks for again; returns how many."""
    return tx.connection.execute(delete(claim).where(claim.c.created < made_before)).rowcount


def _check_agent(tx: Transaction, pool: Row[Any], agent_id: UUID) -> None:
    found = tx.connection.execute(select(agent.c.work_pool_id).where(agent.c.id == agent_id)).one_or_none()
    if found is None:
        message = f"agent {agent_id} is not known: it tells of itself with PUT /api/agents/{agent_id} first"
        raise NotFoundError(message, code="agent_not_found", field="agent_id")
    if found.work_pool_id != pool.id:
        message = f"agent {agent_id} does not serve work pool {pool.name!r}"
        raise ConflictError(message, code="agent_of_other_pool", field="agent_id")


def _is_new(tx: Transaction, pool: Row[Any], request: ClaimRequest, now: datetime) -> bool:
    values = {"id": request.claim_id, "agent_id": request.agent_id, "work_pool_id": pool.id, "created": now}
    # On PostgreSQL a concurrent duplicate waits here until the first one has committed.
    made = tx.connection.execute(insert_into(tx, claim).values(values).on_conflict_do_nothing())
    if made.rowcount == 1:
        return True
    owner = tx.connection.execute(select(claim.c.agent_id).where(claim.c.id == request.claim_id)).scalar_one()
    if owner != request.agent_id:
        message = f"claim {request.claim_id} was made by another agent"
        raise ConflictError(message, code="claim_of_other_agent", field="claim_id")
    return False


def _take(tx: Transaction, pool: Row[Any], request: ClaimRequest, now: datetime) -> tuple[list[Taken], Limited]:
    """Choose and lock the runs: by the priority of their queue, then due time, as far as the limits go."""
    queues = _serving(tx, pool, request)
    room, room_of = _room(tx, pool, queues, request.slots)
    # Deployments are locked before runs, as they are where one is changed.
    limited = limited_in_queues(tx, [queue.id for queue in queues], now + EARLY_CLAIM)
    hold_back(tx, [queue.id for queue in queues])
    taken: list[Taken] = []
    for _, group in groupby(queues, key=lambda queue: queue.priority):
        open_queues = {queue.id for queue in group if room_of[queue.id] > 0}
        while open_queues and len(taken) < room:
            left_out = False
            for row, verdict in _due_runs(tx, open_queues, taken, limited, room - len(taken), now):
                home = limited.get(row.deployment_id)
                if room_of[row.work_queue_id] <= 0 or (home is not None and home.room <= 0):
                    left_out = True
                    continue
                room_of[row.work_queue_id] -= 1
                if home is not None:
                    home.room -= 1
                taken.append((row, verdict))
            if not left_out:
                break
            open_queues = {queue_id for queue_id in open_queues if room_of[queue_id] > 0}
    decide_beyond(tx, limited, now)
    return taken, limited


def _serving(tx: Transaction, pool: Row[Any], request: ClaimRequest) -> list[Row[Any]]:
    of_pool = select(work_queue).where(work_queue.c.work_pool_id == pool.id)
    rows = tx.connection.execute(of_pool.order_by(work_queue.c.priority, work_queue.c.id)).all()
    if request.queues is not None:
        for missing in set(request.queues) - {row.name for row in rows}:
            raise no_such_queue(pool.name, missing, field="queues")
    return [row for row in rows if not row.paused and (request.queues is None or row.name in request.queues)]


def _room(tx: Transaction, pool: Row[Any], queues: list[Row[Any]], slots: int) -> tuple[int, dict[UUID, int]]:
    """Count how many runs the pool, and each of the queues, may take on. Limits are locked in name order."""
    limits = {queue_key(queue.id): queue.concurrency_limit for queue in queues} | {
        pool_key(pool.id): pool.concurrency_limit
    }
    limited = sorted(key for key, limit in limits.items() if limit is not None)
    if not limited:
        return slots, {queue.id: slots for queue in queues}
    # `key_share`: other claims refer to the same rows, and so do new runs; a stronger lock would wait for them all.
    if pool.concurrency_limit is not None:
        lock_pool = select(work_pool.c.id).where(work_pool.c.id == pool.id)
        tx.connection.execute(lock_pool.with_for_update(key_share=True))
    ids = sorted((queue.id for queue in queues if queue.concurrency_limit is not None), key=str)
    if ids:
        lock_queues = select(work_queue.c.id).where(work_queue.c.id.in_(ids)).order_by(work_queue.c.id)
        tx.connection.execute(lock_queues.with_for_update(key_share=True)).all()
    used = slots_in_use(tx, limited)
    free = {key: slots if limits[key] is None else max(0, limits[key] - used[key]) for key in limits}
    return min(slots, free[pool_key(pool.id)]), {queue.id: free[queue_key(queue.id)] for queue in queues}


def _due_runs(
    tx: Transaction, queue_ids: set[UUID], taken: list[Taken], limited: Limited, limit: int, now: datetime
) -> list[Taken]:
    values = {
        "queues": list(queue_ids),
        "taken": [row.id for row, _ in taken],
        "limited": list(limited),
        "full": [deployment_id for deployment_id, home in limited.items() if home.room <= 0],
        "until": now + EARLY_CLAIM,
        "room": limit,
    }
    rows = tx.connection.execute(_DUE, values).all()
    free = free_to_start(tx, rows, now + EARLY_CLAIM)
    verdicts = [(row, propose(view_of(row), AgentClaims(blocked=row.id not in free), now)) for row in rows]
    return [(row, verdict) for row, verdict in verdicts if isinstance(verdict, Accept)]


def _open_attempts(
    tx: Transaction, pool: Row[Any], taken: list[Taken], limited: Limited, request: ClaimRequest, now: datetime
) -> None:
    history = [entry for row, verdict in taken for entry in history_of(verdict, row, now)]
    tx.connection.execute(insert(flow_run_state), history)
    take_slots(tx, [(row.id, verdict.attempt, _limits_of(pool, row, limited)) for row, verdict in taken])
    changes = [
        {
            "run_id": row.id,
            **changes_of(verdict, row, now),
            "claim_id": request.claim_id,
            "agent_id": request.agent_id,
            "lease_until": now + LEASE,
            "lease_extended": False,
            "start_by": max(now, row.due) + _time_to_start(pool, limited.get(row.deployment_id)),
            "wake_at": None,
            "report_sequence": 0,
            "unstarted_claims": row.unstarted_claims + 1,
            "infrastructure": None,
        }
        for row, verdict in taken
    ]
    # The names of the parameters are those of the columns, so the statement sets them all.
    tx.connection.execute(update(flow_run).where(flow_run.c.id == bindparam("run_id")), changes)


def _limits_of(pool: Row[Any], row: Row[Any], limited: Limited) -> list[str]:
    keys = [pool_key(pool.id), queue_key(row.work_queue_id)]
    return [*keys, deployment_key(row.deployment_id)] if row.deployment_id in limited else keys


def _time_to_start(pool: Row[Any], home: LimitedDeployment | None) -> timedelta:
    given = None if home is None else home.grace_seconds
    return timedelta(seconds=START_TIMEOUT_SECONDS[pool.type] if given is None else given)
