"""Removing runs with all that is of them, in bites: a run can have a million log lines.

A run that a schedule made and that has not started stays when it is deleted, as CANCELLED: it stands for its time,
so that no other run is made for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, or_, select

from alisio.contract.runs import FlowRunsDelete, FlowRunsDeleted
from alisio.contract.states import TERMINAL, StateType
from alisio_server.database.around_tables import artifact
from alisio_server.database.queries.flow_runs import conditions_of
from alisio_server.database.queries.paging import count_rows
from alisio_server.database.tables import flow_run, log, task_run
from alisio_server.errors import ConflictError
from alisio_server.orchestration.bites import Bite
from alisio_server.orchestration.children import family_of, unlink
from alisio_server.orchestration.proposals import PersonCancels
from alisio_server.orchestration.stored_runs import load_run, lock_runs, move
from alisio_server.orchestration.waits import release
from alisio_server.services import Transaction

BITE = 1_000
"""How many rows of a table one transaction removes."""

_DELETED = "Deleted by request."


def remove_rows(tx: Transaction, table: Table, *which: ColumnElement[bool]) -> Bite:
    """Remove rows of a table that has a column `id`, up to a thousand of them."""
    ids = select(table.c.id).where(*which).limit(BITE)
    removed = tx.connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount
    return Bite(removed, removed == BITE)


def remove_runs(tx: Transaction, run_ids: Sequence[UUID]) -> Bite:
    """Remove runs: their log lines first, then task runs, artifacts, subflow runs, and at last they themselves.

    Args:
        tx: The transaction.
        run_ids: Runs that are locked and may go.

    Returns:
        How many rows were removed; where there are more, the runs themselves are still there.
    """
    removed = 0
    unlink(tx, run_ids)
    subflows = (flow_run.c.root_flow_run_id.in_(run_ids), flow_run.c.root_flow_run_id != flow_run.c.id)
    family = family_of(run_ids)
    parts: tuple[tuple[Table, tuple[ColumnElement[bool], ...]], ...] = (
        (log, (log.c.flow_run_id.in_(family),)),
        (task_run, (task_run.c.flow_run_id.in_(family),)),
        (artifact, (artifact.c.flow_run_id.in_(family),)),
        (flow_run, subflows),
    )
    for table, which in parts:
        bite = remove_rows(tx, table, *which)
        removed += bite.rows
        if bite.more:
            return Bite(removed, True)
    release(tx, run_ids, tx.now())
    removed += tx.connection.execute(delete(flow_run).where(flow_run.c.id.in_(run_ids))).rowcount
    return Bite(removed, False)


def delete_run(tx: Transaction, run_id: UUID) -> None:
    """Remove a run with its subflow runs, task runs and logs; or cancel it, where it stands for its time.

    Args:
        tx: The transaction.
        run_id: The run.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: `run_active`: it is claimed or running, or runs that it has started are still to be cancelled
            with it.
    """
    row = load_run(tx, run_id)
    now = tx.now()
    deletable = select(_waits() | _is_over()).where(flow_run.c.id == run_id)
    if not tx.connection.execute(deletable).scalar_one():
        # What it has started is found by it, and not by anything else.
        is_over = StateType(row.state_type).is_terminal
        todo = "what it has started is still being cancelled: try again in a minute" if is_over else "cancel it first"
        raise ConflictError(f"flow run {run_id} is {row.state_name}: {todo}", code="run_active")
    if _stays(row, now):
        move(tx, row, PersonCancels(_DELETED), now)
        return
    unlink(tx, [run_id])
    release(tx, [run_id], now)
    tx.connection.execute(delete(flow_run).where(flow_run.c.id == run_id))


def delete_runs(tx: Transaction, wanted: FlowRunsDelete) -> FlowRunsDeleted:
    """Delete the runs that a filter finds, those that were created first, as far as one transaction goes.

    Args:
        tx: The transaction.
        wanted: Which runs, and how many at most; or only to count them.

    Returns:
        What was done, and how many are left that can be deleted.
    """
    now = tx.now()
    # One that stands for a time to come has nothing more to be done to it.
    stays = and_(flow_run.c.state_type.in_(TERMINAL), flow_run.c.occurrence > now)
    which = (*conditions_of(tx.connection, wanted.filter), or_(_waits(), _is_over()), ~func.coalesce(stays, False))
    deleted = cancelled = 0
    if not wanted.dry_run:
        order = (flow_run.c.created, flow_run.c.id)
        rows = lock_runs(tx, *which, order_by=order, limit=wanted.limit)
        kept = [row for row in rows if _stays(row, now)]
        for row in kept:
            move(tx, row, PersonCancels(_DELETED), now)
        gone = [row.id for row in rows if not _stays(row, now)]
        bite = remove_runs(tx, gone)
        deleted, cancelled = 0 if bite.more else len(gone), len(kept)
    remaining = count_rows(tx.connection, select(flow_run.c.id).where(*which))
    return FlowRunsDeleted(deleted=deleted, cancelled=cancelled, remaining=remaining)


def _waits() -> ColumnElement[bool]:
    is_root = flow_run.c.root_flow_run_id == flow_run.c.id
    return and_(flow_run.c.state_type == StateType.SCHEDULED, flow_run.c.lease_until.is_(None), is_root)


def _is_over() -> ColumnElement[bool]:
    return and_(flow_run.c.state_type.in_(TERMINAL), flow_run.c.cancels_linked.is_(None))


def _stays(row: Row[Any], now: datetime) -> bool:
    waits = row.state_type == StateType.SCHEDULED
    return row.occurrence is not None and (waits or row.occurrence > now)
