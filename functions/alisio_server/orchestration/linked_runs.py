"""Cancelling the runs of deployments that a cancelled run has started as its subflows: in bites, as there may be many.

The first bite goes with what cancels the run. Where it leaves some, or one of those has started others, the run is
marked, and ticks go on with it: each bite is a transaction of its own, so one that is interrupted is taken again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from alisio_server.database.tables import flow_run, flow_run_state
from alisio_server.orchestration.children import live_linked_runs
from alisio_server.orchestration.proposals import PersonCancels, Reject
from alisio_server.orchestration.stored_runs import (
    STOPPED,
    changes_of,
    find_run,
    history_of,
    settle_alone,
    view_of,
    write_run,
)
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

BITE = 50
"""How many are cancelled in one transaction."""
_MESSAGE = "Cancelled with the run that started it."


def begin_to_cancel(tx: Transaction, run_id: UUID, now: datetime) -> None:
    """Cancel the first runs that a cancelled run has started, and leave the others to the tick.

    Args:
        tx: The transaction that cancels the run.
        run_id: The run.
        now: The database's time.
    """
    linked = live_linked_runs(tx, run_id, BITE + 1)
    _cancel(tx, linked[:BITE], now)
    if len(linked) > BITE:
        _mark(tx, run_id, now)


def go_on_cancelling(tx: Transaction) -> int:
    """Take the next bite of what a cancelled run has left.

    Args:
        tx: The transaction.

    Returns:
        How many runs were dealt with, the cancelled one among them once it has none left; 0 when nothing is to be done.
    """
    left = select(flow_run.c.id).where(flow_run.c.cancels_linked.is_not(None)).order_by(flow_run.c.cancels_linked)
    run_id = tx.connection.execute(left.limit(1).with_for_update(skip_locked=True)).scalar_one_or_none()
    if run_id is None:
        return 0
    linked = live_linked_runs(tx, run_id, BITE)
    _cancel(tx, linked, tx.now())
    if not linked:
        stop_cancelling(tx, run_id)
    return max(len(linked), 1)


def stop_cancelling(tx: Transaction, run_id: UUID) -> None:
    """Cancel no more of the runs that a run has started: none is left, or the run is retried."""
    tx.connection.execute(update(flow_run).where(flow_run.c.id == run_id).values(cancels_linked=None))


def _mark(tx: Transaction, run_id: UUID, now: datetime) -> None:
    tx.connection.execute(update(flow_run).where(flow_run.c.id == run_id).values(cancels_linked=now))


def _cancel(tx: Transaction, run_ids: Sequence[UUID], now: datetime) -> None:
    for run_id in run_ids:
        row = find_run(tx, run_id)
        if row is None:
            # Somebody has deleted it since it was found, while its lock was waited for.
            continue
        verdict = propose(view_of(row), PersonCancels(_MESSAGE), now)
        if isinstance(verdict, Reject) or not (entries := history_of(verdict, row, now)):
            continue
        tx.connection.execute(insert(flow_run_state), entries)
        write_run(tx, row.id, changes_of(verdict, row, now))
        settle_alone(tx, row, verdict, now)
        # Those that it has started itself are another bite.
        if verdict.state.type in STOPPED and live_linked_runs(tx, row.id, 1):
            _mark(tx, row.id, now)
