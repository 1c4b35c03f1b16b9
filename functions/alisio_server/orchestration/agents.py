"""Agents: what they say of themselves, and the leases of the runs they are starting."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, delete, tuple_, update

from alisio.contract.states import StateType
from alisio.contract.work_pools import AgentBeat, BeatAnswer, Holding, StartFailure
from alisio_server.database.tables import agent, flow_run
from alisio_server.errors import ConflictError
from alisio_server.orchestration.leases import LEASE, LEASE_SECONDS
from alisio_server.orchestration.proposals import HandedBack, StartFailed
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.stored_runs import find_run, load_run, move
from alisio_server.orchestration.work_pools import find_pool
from alisio_server.services import Transaction


def beat(tx: Transaction, agent_id: UUID, told: AgentBeat) -> BeatAnswer:
    """Note that an agent lives, renew the leases of the runs it is starting, and take back those that it will not.

    Args:
        tx: The transaction.
        agent_id: Chosen by the agent.
        told: What it says of itself, and which runs it holds.

    Returns:
        The runs it holds no longer, and how long the leases of the others last.

    Raises:
        NotFoundError: There is no such work pool.
    """
    now = tx.now()
    values = _described(tx, told, now)
    statement = insert_into(tx, agent).values(id=agent_id, first_seen=now, **values)
    tx.connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    _take_back(tx, agent_id, told.returned, now)
    held = {holding.flow_run_id: holding.attempt for holding in told.holding}
    renewed = _renew(tx, agent_id, held, now) if held else set()
    return BeatAnswer(lost=[run_id for run_id in held if run_id not in renewed], lease_seconds=LEASE_SECONDS)


def _described(tx: Transaction, told: AgentBeat, now: datetime) -> dict[str, Any]:
    return {
        "name": told.name,
        "work_pool_id": find_pool(tx, told.work_pool_name).id,
        "queues": told.queues,
        "run_limit": told.limit,
        "host": told.host,
        "pid": told.pid,
        "version": told.version,
        "stopping": told.stopping,
        "last_seen": now,
    }


def _renew(tx: Transaction, agent_id: UUID, held: dict[UUID, int], now: datetime) -> set[UUID]:
    until = now + LEASE
    renewal = (
        update(flow_run)
        .where(
            tuple_(flow_run.c.id, flow_run.c.attempt).in_(list(held.items())),
            flow_run.c.agent_id == agent_id,
            flow_run.c.state_type == StateType.PENDING,
            flow_run.c.start_by > now,
        )
        .values(
            lease_until=case((flow_run.c.start_by < until, flow_run.c.start_by), else_=until),
            lease_extended=False,
        )
        .returning(flow_run.c.id)
    )
    return set(tx.connection.execute(renewal).scalars())


def _take_back(tx: Transaction, agent_id: UUID, returned: Iterable[Holding], now: datetime) -> None:
    for holding in sorted(returned, key=lambda holding: holding.flow_run_id):  # one order, so that no two deadlock
        row = find_run(tx, holding.flow_run_id)
        if row is not None and row.agent_id == agent_id:
            with suppress(ConflictError):  # its lease has ended, or it was cancelled
                move(tx, row, HandedBack(holding.attempt), now)


def fail_start(tx: Transaction, run_id: UUID, failure: StartFailure) -> None:
    """Take note that an agent could not start a run it claimed.

    Args:
        tx: The transaction.
        run_id: The run.
        failure: What went wrong, and whether trying again is of any use.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: `stale_attempt`: the run is not this agent's to start any more.
    """
    row = load_run(tx, run_id)
    if row.agent_id != failure.agent_id:
        raise ConflictError(f"flow run {run_id} is not held by agent {failure.agent_id}", code="stale_attempt")
    move(tx, row, StartFailed(failure.attempt, failure.message, failure.final), tx.now())


def forget_agents(tx: Transaction, unseen_since: datetime) -> int:
    """Remove the agents that were not heard of since an instant; returns how many."""
    return tx.connection.execute(delete(agent).where(agent.c.last_seen < unseen_since)).rowcount
