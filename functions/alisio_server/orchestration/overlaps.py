"""Keeping runs of one schedule from overlapping: which goes before which, and what becomes of those that wait.

Runs of times that have come go before backfilled ones, and within each kind the earlier time goes first; none
starts while another is executed. A run that was given up because its lease had ended, and that comes back, is not
stopped: it was executed all along.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Row, and_, exists, or_, select, tuple_, update

from alisio.contract.overlap import Overlap
from alisio.contract.states import StateType
from alisio_server.database.tables import flow_run, schedule
from alisio_server.orchestration.pause_rules import KEPT_WAITING
from alisio_server.orchestration.proposals import Blocked, PersonCancels, Reject
from alisio_server.orchestration.stored_runs import lock_runs, move, store, view_of
from alisio_server.orchestration.transitions import is_first_start, propose
from alisio_server.services import Transaction

SCHEDULE = "schedule"
"""What `created_by` says of runs that a schedule made when their time came."""

BACKFILL = "backfill"
"""What `created_by` says of runs that were made for times of a schedule that had passed."""

_BATCH = 200
_OVERTAKEN = "Cancelled: the next run of its schedule fell due."
_other = flow_run.alias("other")


def policy_of(overlap: str, created_by: str) -> str | None:
    """Tell what `flow_run.overlap` holds for a run of a schedule.

    Args:
        overlap: The schedule's policy.
        created_by: What made the run. What a person asked for by a backfill waits, whatever the policy.
    """
    if overlap == Overlap.ALLOW:
        return None
    return Overlap.QUEUE if created_by == BACKFILL else overlap


def is_blocked(until: datetime | BindParameter[Any]) -> ColumnElement[bool]:
    """Make the condition on `flow_run` that another run of its schedule goes before it.

    Args:
        until: Runs due by then are waiting.
    """
    is_backfilled, other_is_backfilled = flow_run.c.created_by == BACKFILL, _other.c.created_by == BACKFILL
    goes_before = or_(
        _other.c.lease_until.is_not(None),
        and_(is_backfilled == other_is_backfilled, _other.c.occurrence < flow_run.c.occurrence),
        and_(is_backfilled, ~other_is_backfilled, _other.c.due <= until),
    )
    return and_(flow_run.c.overlap.is_not(None), exists().where(*_live_sibling(), goes_before))


def _live_sibling() -> tuple[ColumnElement[bool], ...]:
    # These are the words of the index `ix_flow_run_overlap`.
    return (
        _other.c.deployment_id == flow_run.c.deployment_id,
        _other.c.schedule_slug == flow_run.c.schedule_slug,
        _other.c.overlap.is_not(None),
        _other.c.ended.is_(None),
        _other.c.id != flow_run.c.id,
    )


def _older_begun() -> ColumnElement[bool]:
    older = (_other.c.occurrence < flow_run.c.occurrence, _other.c.attempt > 0, _other.c.created_by != BACKFILL)
    return exists().where(*_live_sibling(), *older)


def hold_back(tx: Transaction, queue_ids: Collection[UUID] | None = None) -> int:
    """Decide what becomes of due runs that other runs of their schedules go before, up to 200 of them.

    Args:
        tx: The transaction.
        queue_ids: Only runs in these work queues; None: in any.

    Returns:
        How many were told to wait, were skipped, or had earlier ones cancelled.
    """
    now = tx.now()
    undecided = (
        flow_run.c.overlap.is_not(None),
        flow_run.c.ended.is_(None),
        flow_run.c.state_type == StateType.SCHEDULED,
        flow_run.c.state_name.not_in(KEPT_WAITING),
        flow_run.c.lease_until.is_(None),
        flow_run.c.due <= now,
        # What is to be skipped waits, undecided, until the earlier run begins.
        or_(flow_run.c.overlap != Overlap.SKIP, flow_run.c.attempt > 0, _older_begun()),
        *([] if queue_ids is None else [flow_run.c.work_queue_id.in_(queue_ids)]),
        is_blocked(now),
    )
    rows = lock_runs(tx, *undecided, order_by=(flow_run.c.due, flow_run.c.id), limit=_BATCH)
    return sum(_decide(tx, row, now) for row in rows)


def _decide(tx: Transaction, row: Row[Any], now: datetime) -> bool:
    view = view_of(row)
    if view.overlap is Overlap.CANCEL_OLDER and is_first_start(view) and not _cancel_older(tx, row, now):
        return False
    blocked, older_begun = tx.connection.execute(
        select(is_blocked(now), _older_begun()).where(flow_run.c.id == row.id)
    ).one()
    if not blocked:
        return True
    verdict = propose(view, Blocked(older_begun), now)
    if isinstance(verdict, Reject):
        return False
    store(tx, row, verdict, now)
    return True


def _cancel_older(tx: Transaction, row: Row[Any], now: datetime) -> bool:
    """Cancel what goes before a run; False where somebody has locked some of it: it is for the next time then."""
    live = (
        flow_run.c.deployment_id == row.deployment_id,
        flow_run.c.schedule_slug == row.schedule_slug,
        flow_run.c.overlap.is_not(None),
        flow_run.c.ended.is_(None),
        flow_run.c.occurrence < row.occurrence,
        flow_run.c.created_by != BACKFILL,
        flow_run.c.state_type != StateType.CANCELLING,
    )
    for older in lock_runs(tx, *live, order_by=(flow_run.c.occurrence,), limit=_BATCH):
        move(tx, older, PersonCancels(_OVERTAKEN), now)
    return not tx.connection.execute(select(exists().where(*live))).scalar_one()


def free_to_start(tx: Transaction, rows: Sequence[Row[Any]], until: datetime) -> set[UUID]:
    """Tell which runs may be claimed now, and keep others from claiming of their schedules until the commit.

    Two claims at once see neither each other's runs nor a retry between them, so the claims of one schedule
    take turns: its row is locked, and who finds it locked leaves its runs for later.

    Args:
        tx: The transaction.
        rows: Runs that wait, locked.
        until: As for `is_blocked`.

    Returns:
        Their ids, those among them that may overlap with others of their schedule.
    """
    ordered = [row for row in rows if row.overlap is not None]
    free = {row.id for row in rows if row.overlap is None}
    if not ordered:
        return free
    turn = _take_turns(tx, {(row.deployment_id, row.schedule_slug) for row in ordered})
    mine = [row.id for row in ordered if (row.deployment_id, row.schedule_slug) in turn]
    _ring_again(tx, {row.id for row in ordered} - set(mine))
    unblocked = select(flow_run.c.id).where(flow_run.c.id.in_(mine), ~is_blocked(until))
    return free.union(tx.connection.execute(unblocked).scalars())


def _ring_again(tx: Transaction, run_ids: set[UUID]) -> None:
    if run_ids:
        again = update(flow_run).where(flow_run.c.id.in_(run_ids)).values(wake_at=tx.now())
        tx.connection.execute(again)
        tx.woken |= run_ids


def _take_turns(tx: Transaction, wanted: set[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    key = (schedule.c.deployment_id, schedule.c.slug)
    these = select(*key).where(tuple_(*key).in_(list(wanted))).order_by(*key)
    known = {(row.deployment_id, row.slug) for row in tx.connection.execute(these)}
    locked = {(row.deployment_id, row.slug) for row in tx.connection.execute(these.with_for_update(skip_locked=True))}
    # A schedule that is gone has nothing more to lock; its runs are few and keep their order all the same.
    return wanted - (known - locked)
