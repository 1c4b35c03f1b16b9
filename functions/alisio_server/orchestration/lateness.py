"""Marking runs Late that should have been claimed by now."""

from __future__ import annotations

from sqlalchemy import and_, or_

from alisio.contract.states import StateName, StateType
from alisio_server.database.tables import flow_run
from alisio_server.orchestration.deployment_limits import full_deployments
from alisio_server.orchestration.leases import LATE_AFTER
from alisio_server.orchestration.overlaps import is_blocked
from alisio_server.orchestration.pause_rules import ASKED
from alisio_server.orchestration.proposals import Overdue, Reject
from alisio_server.orchestration.stored_runs import lock_runs, store, view_of
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_BATCH = 500


def mark_late(tx: Transaction) -> int:
    """Mark runs that are overdue, up to 500 of them.

    Args:
        tx: The transaction.

    Returns:
        How many were marked.
    """
    now = tx.now()
    may_start = and_(~is_blocked(now), flow_run.c.deployment_id.not_in(full_deployments(tx, now)))
    rows = lock_runs(
        tx,
        flow_run.c.state_type == StateType.SCHEDULED,
        flow_run.c.state_name.not_in((StateName.LATE, *ASKED)),
        flow_run.c.lease_until.is_(None),
        flow_run.c.work_queue_id.is_not(None),
        flow_run.c.deployment_id.is_not(None),
        flow_run.c.due <= now - LATE_AFTER,
        or_(flow_run.c.state_name != StateName.AWAITING_CONCURRENCY_SLOT, may_start),
        order_by=(flow_run.c.due, flow_run.c.id),
        limit=_BATCH,
    )
    marked = 0
    for row in rows:
        verdict = propose(view_of(row), Overdue(), now)
        if not isinstance(verdict, Reject):
            store(tx, row, verdict, now)
            marked += 1
    return marked
