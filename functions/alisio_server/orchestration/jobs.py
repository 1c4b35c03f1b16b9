"""Building the jobs of a claim: all that an agent and a supervisor need to execute an attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, func, select

from alisio.contract.states import StateType
from alisio.contract.work_pools import BundleRef, Job
from alisio_server.database.tables import bundle, deployment, flow, flow_run, work_pool, work_queue
from alisio_server.orchestration.leases import LEASE_SECONDS, START_TIMEOUT_SECONDS
from alisio_server.services import Transaction

_JOBS: Select[Any] = (
    select(
        flow_run.c.id,
        flow_run.c.attempt,
        flow_run.c.name,
        flow_run.c.parameters,
        flow_run.c.job_variables,
        flow_run.c.tags,
        flow_run.c.due,
        func.coalesce(flow_run.c.occurrence, flow_run.c.due).label("scheduled_start_time"),
        flow_run.c.retries_used,
        flow.c.id.label("flow_id"),
        flow.c.name.label("flow_name"),
        deployment.c.id.label("deployment_id"),
        deployment.c.name.label("deployment_name"),
        deployment.c.entrypoint,
        deployment.c.path,
        deployment.c.grace_period_seconds,
        deployment.c.job_variables.label("deployment_variables"),
        bundle.c.sha256,
        bundle.c.size,
        work_queue.c.name.label("queue_name"),
        work_pool.c.name.label("pool_name"),
        work_pool.c.type.label("pool_type"),
        work_pool.c.job_variables.label("pool_variables"),
    )
    .join(flow, flow_run.c.flow_id == flow.c.id)
    .join(deployment, flow_run.c.deployment_id == deployment.c.id)
    .join(work_queue, flow_run.c.work_queue_id == work_queue.c.id)
    .join(work_pool, work_queue.c.work_pool_id == work_pool.c.id)
    .outerjoin(bundle, deployment.c.bundle == bundle.c.sha256)
    .where(flow_run.c.claim_id == bindparam("claim"), flow_run.c.state_type == StateType.PENDING)
    .order_by(work_queue.c.priority, flow_run.c.due, flow_run.c.id)
)


def jobs_of(tx: Transaction, claim_id: UUID, bundle_url: Callable[[str], str]) -> list[Job]:
    """Build the jobs of a claim, leaving out those that have started or were taken back.

    Args:
        tx: The transaction.
        claim_id: The claim.
        bundle_url: Tells where a bundle is fetched, by its sha256.

    Returns:
        The jobs, in the order in which they are to start.
    """
    return [_job(row, bundle_url) for row in tx.connection.execute(_JOBS, {"claim": claim_id})]


def _job(row: Row[Any], bundle_url: Callable[[str], str]) -> Job:
    code = None
    if row.sha256 is not None:
        code = BundleRef(sha256=row.sha256, size=row.size, url=bundle_url(row.sha256))
    return Job(
        flow_run_id=row.id,
        attempt=row.attempt,
        retries_used=row.retries_used,
        flow_run_name=row.name,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        deployment_id=row.deployment_id,
        deployment_name=row.deployment_name,
        work_pool_name=row.pool_name,
        work_queue_name=row.queue_name,
        entrypoint=row.entrypoint,
        bundle=code,
        path=row.path,
        parameters=row.parameters,
        job_variables={**row.pool_variables, **row.deployment_variables, **row.job_variables},
        tags=row.tags,
        due=row.due,
        scheduled_start_time=row.scheduled_start_time,
        lease_seconds=LEASE_SECONDS,
        start_timeout_seconds=row.grace_period_seconds or START_TIMEOUT_SECONDS[row.pool_type],
    )
