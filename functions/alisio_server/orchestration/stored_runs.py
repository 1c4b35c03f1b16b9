"""Reading where a flow run stands, and storing what the rules decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, bindparam, insert, select, update

from alisio.contract.overlap import Overlap
from alisio.contract.states import StateType
from alisio_server.database.tables import flow_run, flow_run_state, work_pool, work_queue
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.children import end_children
from alisio_server.orchestration.leases import HORIZON, LEASE
from alisio_server.orchestration.limits import free_slots, move_slots, retake_slots, wake_next_of_schedule
from alisio_server.orchestration.proposals import Accept, Delay, NewState, Proposal, Reject, RunView
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_FIRST_WAKE_INTERVAL_SECONDS = 60.0
_EXECUTED = (StateType.RUNNING, StateType.PAUSED)
STOPPED = (StateType.CANCELLING, StateType.CANCELLED)
"""What a run is whose linked runs are cancelled with it."""

_RUNS: Select[Any] = (
    select(
        flow_run.c.id,
        flow_run.c.root_flow_run_id,
        flow_run.c.deployment_id,
        flow_run.c.work_queue_id,
        flow_run.c.schedule_slug,
        flow_run.c.occurrence,
        flow_run.c.overlap,
        flow_run.c.created_by,
        flow_run.c.state_type,
        flow_run.c.state_name,
        flow_run.c.state_message,
        flow_run.c.state_timestamp,
        flow_run.c.provisional,
        flow_run.c.due,
        flow_run.c.started,
        flow_run.c.attempt,
        flow_run.c.unstarted_claims,
        flow_run.c.report_sequence,
        flow_run.c.agent_id,
        flow_run.c.lease_until,
        flow_run.c.retries,
        flow_run.c.retry_delays,
        flow_run.c.retries_used,
        work_queue.c.work_pool_id,
        work_queue.c.concurrency_limit.label("queue_limit"),
        work_pool.c.concurrency_limit.label("pool_limit"),
    )
    .outerjoin_from(flow_run, work_queue, flow_run.c.work_queue_id == work_queue.c.id)
    .outerjoin(work_pool, work_queue.c.work_pool_id == work_pool.c.id)
)
# Built once, with the values as parameters: building a statement takes longer than executing it.
_BY_ID = _RUNS.where(flow_run.c.id == bindparam("run_id")).with_for_update(of=flow_run)
_UPDATE = update(flow_run).where(flow_run.c.id == bindparam("run_id"))
UNLOCKED_RUNS = _RUNS.with_for_update(of=flow_run, skip_locked=True)
"""Reads and locks what the rules look at of runs, leaving out those that others have locked."""


def find_run(tx: Transaction, run_id: UUID) -> Row[Any] | None:
    """Read and lock what the rules look at of a run; None where there is none."""
    return tx.connection.execute(_BY_ID, {"run_id": run_id}).one_or_none()


def load_run(tx: Transaction, run_id: UUID) -> Row[Any]:
    """Read and lock what the rules look at of a run.

    Raises:
        NotFoundError: There is no such run.
    """
    if (row := find_run(tx, run_id)) is None:
        raise no_such_run(run_id)
    return row


def no_such_run(run_id: UUID) -> NotFoundError:
    """Make the error for a run that is not there."""
    return NotFoundError(f"there is no flow run with id {run_id}", code="flow_run_not_found")


def lock_runs(
    tx: Transaction, *conditions: ColumnElement[bool], order_by: Sequence[ColumnElement[Any]], limit: int
) -> Sequence[Row[Any]]:
    """Read and lock what the rules look at of runs, leaving out those that others have locked.

    Args:
        tx: The transaction.
        conditions: Which runs.
        order_by: Which come first.
        limit: How many at most.
    """
    return tx.connection.execute(UNLOCKED_RUNS.where(*conditions).order_by(*order_by).limit(limit)).all()


def view_of(row: Row[Any]) -> RunView:
    """Show the rules where a run stands."""
    return RunView(
        state=StateType(row.state_type),
        name=row.state_name,
        attempt=row.attempt,
        due=row.due,
        leased=row.lease_until is not None,
        provisional=row.provisional,
        by_hand=row.created_by == "script",
        is_subflow=row.root_flow_run_id != row.id,
        claimable=row.deployment_id is not None and row.work_queue_id is not None,
        retries=row.retries,
        retries_used=row.retries_used,
        retry_delays=tuple(row.retry_delays),
        unstarted_claims=row.unstarted_claims,
        overlap=None if row.overlap is None else Overlap(row.overlap),
    )


def move(tx: Transaction, row: Row[Any], proposal: Proposal, now: datetime) -> Accept | Delay:
    """Put a proposal to the rules and store what they decide, with all that follows from it.

    Args:
        tx: The transaction.
        row: The run, locked.
        proposal: Who wants what.
        now: The database's time.

    Returns:
        What was decided.

    Raises:
        ConflictError: The rules reject it.
    """
    verdict = propose(view_of(row), proposal, now)
    if isinstance(verdict, Reject):
        raise ConflictError(f"flow run {row.id}: {verdict.message}", code=verdict.code)
    store(tx, row, verdict, now)
    return verdict


def store(tx: Transaction, row: Row[Any], verdict: Accept | Delay, now: datetime) -> None:
    """Store a decision: the run's row, its history, its slots, its subflows and task runs.

    Args:
        tx: The transaction.
        row: The run before it, locked.
        verdict: The decision.
        now: The database's time.
    """
    if not (entries := history_of(verdict, row, now)):
        return
    tx.connection.execute(insert(flow_run_state), entries)
    write_run(tx, row.id, changes_of(verdict, row, now))
    settle(tx, row, verdict, now)


def write_run(tx: Transaction, run_id: UUID, changes: dict[str, Any]) -> None:
    """Update a run's row, and have its queue woken after the commit where its `wake_at` says so.

    Args:
        tx: The transaction.
        run_id: The run.
        changes: New values by the names of the columns, `updated` among them.
    """
    tx.connection.execute(_UPDATE, {"run_id": run_id, **changes})
    if changes.get("wake_at") is not None and changes["wake_at"] <= changes["updated"]:
        tx.woken.add(run_id)


def history_of(
    verdict: Accept | Delay, row: Row[Any], now: datetime, timestamp: datetime | None = None
) -> list[dict[str, Any]]:
    """Make the rows of history that a decision leaves.

    Args:
        verdict: The decision.
        row: The run before it.
        now: The database's time.
        timestamp: When the executor says that it happened; `now` where nobody said.

    Returns:
        Rows of `flow_run_state`, oldest first; none if the run stays as it is.
    """
    happened = timestamp or now
    if isinstance(verdict, Delay):
        ended = [] if verdict.ended is None else [_entry(row.id, row.attempt, verdict.ended, happened)]
        return [*ended, _entry(row.id, row.attempt, verdict.state, now)]
    return [_entry(row.id, verdict.attempt, verdict.state, happened)] if verdict.recorded else []


def _entry(run_id: UUID, attempt: int, state: NewState, timestamp: datetime) -> dict[str, Any]:
    return {
        "flow_run_id": run_id,
        "attempt": attempt,
        "type": state.type,
        "name": state.name,
        "message": state.message,
        "result": state.result,
        "timestamp": timestamp,
    }


def changes_of(
    verdict: Accept | Delay, row: Row[Any], now: datetime, timestamp: datetime | None = None
) -> dict[str, Any]:
    """Work out which columns of a run's row a decision changes.

    Args:
        verdict: The decision; one that is recorded.
        row: The run before it.
        now: The database's time.
        timestamp: When the executor says that it happened; `now` where nobody said.

    Returns:
        Values by the names of the columns of `flow_run`.
    """
    happened = now if timestamp is None or isinstance(verdict, Delay) else timestamp
    changes = {
        "state_type": verdict.state.type,
        "state_name": verdict.state.name,
        "state_message": verdict.state.message,
        "state_result": verdict.state.result,
        "state_timestamp": happened,
        "provisional": verdict.provisional,
        "attempt": verdict.attempt,
        "retries_used": verdict.retries_used,
        "updated": now,
    }
    if isinstance(verdict, Delay):
        return changes | _waiting(verdict, now)
    if verdict.state.type.is_terminal:
        return changes | _released() | {"ended": happened, "wake_at": None}
    if verdict.released:
        return changes | _released() | {"ended": None, "wake_at": None}
    if verdict.state.type in _EXECUTED:
        started = row.started or happened
        renewed = {"lease_until": now + LEASE, "lease_extended": False, "start_by": None, "unstarted_claims": 0}
        return changes | renewed | {"started": started, "ended": None, "wake_at": None}
    return changes


def _waiting(verdict: Delay, now: datetime) -> dict[str, Any]:
    due = now + timedelta(seconds=verdict.delay_seconds)
    waiting = {"due": due, "ended": None, "unstarted_claims": verdict.unstarted_claims}
    if verdict.in_place:
        lease = {"lease_until": due + LEASE, "lease_extended": False, "claim_id": None, "report_sequence": 0}
        return waiting | lease | {"wake_at": None}
    return waiting | _released() | first_wake(due, now)


def _released() -> dict[str, Any]:
    return {"lease_until": None, "lease_extended": False, "start_by": None, "claim_id": None}


def first_wake(due: datetime, now: datetime) -> dict[str, Any]:
    """Say when the queue of a run that has become claimable is to be woken first.

    Args:
        due: When the run is due.
        now: The database's time.

    Returns:
        Values for `wake_at` and `wake_interval`: wake-ups can be sent 15 minutes ahead.
    """
    return {"wake_at": max(now, due - HORIZON), "wake_interval": _FIRST_WAKE_INTERVAL_SECONDS}


def settle(tx: Transaction, row: Row[Any], verdict: Accept | Delay, now: datetime) -> None:
    """Bring slots, subflows, task runs and the runs that it has started in line with a decision about their run."""
    settle_alone(tx, row, verdict, now)
    if verdict.state.type in STOPPED:
        from alisio_server.orchestration.linked_runs import begin_to_cancel

        begin_to_cancel(tx, row.id, now)


def settle_alone(tx: Transaction, row: Row[Any], verdict: Accept | Delay, now: datetime) -> None:
    """Bring slots, subflows and task runs in line with a decision about their run."""
    if isinstance(verdict, Delay) and verdict.in_place:
        move_slots(tx, row, verdict.attempt)
        end_children(tx, row.id, StateType.FAILED, now)
    elif isinstance(verdict, Delay):
        _let_go(tx, row, StateType.CRASHED, now)
    elif verdict.state.type.is_terminal or verdict.released:
        _let_go(tx, row, StateType.CANCELLED if verdict.released else verdict.state.type, now)
        if verdict.state.type.is_terminal and row.created_by != "script":
            from alisio_server.orchestration.waits import release

            release(tx, [row.id], now)
    elif verdict.state.type in _EXECUTED and row.provisional and row.work_queue_id is not None:
        retake_slots(tx, row)


def _let_go(tx: Transaction, row: Row[Any], ended_as: StateType, now: datetime) -> None:
    free_slots(tx, row, now)
    wake_next_of_schedule(tx, row, now)
    end_children(tx, row.id, ended_as, now)
