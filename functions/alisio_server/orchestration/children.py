"""What lives on a run's lease ends with it: its in-process subflow runs and its task runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, bindparam, insert, select, update

from alisio.contract.states import DEFAULT_NAMES, TERMINAL, StateType
from alisio_server.database.instants import to_microseconds
from alisio_server.database.tables import flow_run, flow_run_state, task_run
from alisio_server.services import Transaction

_IS_SUBFLOW = flow_run.c.root_flow_run_id != flow_run.c.id
_MESSAGE = "The flow run that it was part of ended before it did."

HistoryEntry = list[str | int | None]


def history_entry(
    type_: str, name: str, message: str | None, timestamp: datetime, result: str | None = None
) -> HistoryEntry:
    """Make an entry of `task_run.history`: type, name, message, microseconds since 1970, and the result's place."""
    entry: HistoryEntry = [type_, name, message, to_microseconds(timestamp)]
    return entry if result is None else [*entry, result]


def end_children(tx: Transaction, root_id: UUID, ended_as: StateType, now: datetime) -> None:
    """End the subflow runs and task runs of a run whose attempt is over.

    Args:
        tx: The transaction.
        root_id: The run.
        ended_as: What became of it. Where it was cancelled they are too; else they crashed. The engine of a
            flow that completed has waited for all of them.
        now: The database's time.
    """
    if ended_as is StateType.COMPLETED:
        return
    state = StateType.CANCELLED if ended_as is StateType.CANCELLED else StateType.CRASHED
    _end_subflows(tx, root_id, state, now)
    _end_task_runs(tx, root_id, state, now)


def family_of(run_ids: Sequence[UUID]) -> CompoundSelect[UUID]:
    """Select the ids of root runs and of their subflows.

    PostgreSQL finds what is of them by an index; of a condition with OR it would read the whole table.
    """
    roots = select(flow_run.c.id).where(flow_run.c.id.in_(run_ids))
    return roots.union_all(select(flow_run.c.id).where(flow_run.c.root_flow_run_id.in_(run_ids), _IS_SUBFLOW))


def live_linked_runs(tx: Transaction, root_id: UUID, limit: int) -> Sequence[UUID]:
    """Give runs of deployments that a run, or a subflow of it, has started as its own, and that nobody has stopped."""
    stopped = (*TERMINAL, StateType.CANCELLING)
    linked = select(flow_run.c.id).where(*_linked_to([root_id]), flow_run.c.state_type.not_in(stopped))
    return tx.connection.execute(linked.order_by(flow_run.c.id).limit(limit)).scalars().all()


def unlink(tx: Transaction, run_ids: Sequence[UUID]) -> None:
    """Let the runs that these, or subflows of these, have started go on without them: these are to be deleted."""
    tx.connection.execute(update(flow_run).where(*_linked_to(run_ids)).values(parent_flow_run_id=None))


def _linked_to(run_ids: Sequence[UUID]) -> tuple[ColumnElement[bool], ...]:
    return flow_run.c.parent_flow_run_id.in_(family_of(run_ids)), ~_IS_SUBFLOW


def _end_subflows(tx: Transaction, root_id: UUID, state: StateType, now: datetime) -> None:
    live = select(flow_run.c.id, flow_run.c.attempt).where(
        flow_run.c.root_flow_run_id == root_id,
        _IS_SUBFLOW,
        flow_run.c.state_type.not_in(TERMINAL),
    )
    rows = tx.connection.execute(live).all()
    if not rows:
        return
    shared = {"type": state, "name": DEFAULT_NAMES[state], "message": _MESSAGE, "timestamp": now}
    tx.connection.execute(
        insert(flow_run_state), [{"flow_run_id": row.id, "attempt": row.attempt, **shared} for row in rows]
    )
    values = {
        "state_type": state,
        "state_name": DEFAULT_NAMES[state],
        "state_message": _MESSAGE,
        "state_timestamp": now,
        "ended": now,
        "updated": now,
    }
    tx.connection.execute(update(flow_run).where(flow_run.c.id.in_([row.id for row in rows])).values(values))


def _end_task_runs(tx: Transaction, root_id: UUID, state: StateType, now: datetime) -> None:
    of_family = task_run.c.flow_run_id.in_(family_of([root_id]))
    live = select(task_run.c.id, task_run.c.history).where(of_family, task_run.c.state_type.not_in(TERMINAL))
    entry = history_entry(state, DEFAULT_NAMES[state], _MESSAGE, now)
    changes: list[dict[str, Any]] = [
        {"ended_id": row.id, "ended_history": [*row.history, entry]} for row in tx.connection.execute(live)
    ]
    if not changes:
        return
    end = (
        update(task_run)
        .where(task_run.c.id == bindparam("ended_id"))
        .values(state_type=state, state_name=DEFAULT_NAMES[state], history=bindparam("ended_history"))
    )
    tx.connection.execute(end, changes)
