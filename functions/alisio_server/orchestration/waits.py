"""Runs that wait for others to end: they are made suspended, so that nobody holds a place for them meanwhile.

Whom a run waits for is written down as slots that it has, under keys of those others: slots go with their run, and who
waits for one is found by its key. What ends the last one makes the run claimable, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, select, update

from alisio.contract.states import TERMINAL, StateName, StateType
from alisio_server.database.tables import concurrency_slot, flow_run, flow_run_state
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.limits import MAX_WOKEN, take_slots
from alisio_server.orchestration.proposals import Delay, OthersEnded, Reject
from alisio_server.orchestration.stored_runs import UNLOCKED_RUNS, changes_of, history_of, store, view_of
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_KEY = "flow-run:"
_BATCH = 500
_AFTER = "after"
_LOCKED_RUNS = UNLOCKED_RUNS.with_for_update(of=flow_run)  # unlike those, it waits for runs that others have locked


def still_running(tx: Transaction, run_ids: Sequence[UUID]) -> list[UUID]:
    """Give those runs that have not ended, of those that a new one is to wait for.

    They are locked until the commit: what ends one of them then finds who waits for it.

    Args:
        tx: The transaction.
        run_ids: Runs of deployments.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: One that has not ended is no run of a deployment: nothing would tell of its end.
    """
    columns = (flow_run.c.id, flow_run.c.state_type, flow_run.c.created_by, flow_run.c.root_flow_run_id)
    rows: dict[UUID, Row[Any]] = {}
    # In the order of their ids, as those are who end one run and lock those that wait for it, which are younger.
    for some in _batches(sorted(set(run_ids))):
        wanted = select(*columns).where(flow_run.c.id.in_(some)).order_by(flow_run.c.id).with_for_update(read=True)
        rows |= {row.id: row for row in tx.connection.execute(wanted)}
    for run_id in run_ids:
        if run_id not in rows:
            raise NotFoundError(f"there is no flow run {run_id}", code="flow_run_not_found", field=_AFTER)
    live = [row for row in rows.values() if row.state_type not in TERMINAL]
    for row in live:
        if row.created_by == "script" or row.root_flow_run_id != row.id:
            message = f"flow run {row.id} is none of a deployment: only those can be waited for"
            raise InvalidInputError(message, field=_AFTER)
    return [row.id for row in live]


def suspended_until(others: Sequence[UUID]) -> dict[str, Any]:
    """Lay out where a new run stands that waits for others, as values of columns of `flow_run`."""
    what = "another run" if len(others) == 1 else f"{len(others)} other runs"
    return {
        "state_type": StateType.PAUSED,
        "state_name": StateName.SUSPENDED,
        "state_message": f"It waits for {what} to end.",
        "wake_at": None,
    }


def wait_for(tx: Transaction, run_id: UUID, others: Sequence[UUID]) -> None:
    """Write down for which runs, locked, a new one waits."""
    take_slots(tx, [(run_id, 0, [_key(other) for other in others])])


def release(tx: Transaction, run_ids: Sequence[UUID], now: datetime) -> None:
    """Let go on who has waited for runs that have ended or are deleted, and waits for no other.

    Args:
        tx: The transaction; it sends the wake-ups after its commit.
        run_ids: The runs, locked.
        now: The database's time.
    """
    for some in _batches(run_ids):
        ended = concurrency_slot.c.limit_key.in_([_key(run_id) for run_id in some])
        waiting = sorted(set(tx.connection.execute(select(concurrency_slot.c.flow_run_id).where(ended)).scalars()))
        for who in _batches(waiting):
            _release(tx, who, ended, now)


def _release(tx: Transaction, waiting: Sequence[UUID], ended: ColumnElement[bool], now: datetime) -> None:
    # Locked first: of two runs that end at once, the later one sees that it is the last that is waited for.
    locked = _LOCKED_RUNS.where(flow_run.c.id.in_(waiting)).order_by(flow_run.c.id)
    rows = tx.connection.execute(locked).all()
    mine = concurrency_slot.c.flow_run_id.in_(waiting)
    tx.connection.execute(delete(concurrency_slot).where(mine, ended))
    left = select(concurrency_slot.c.flow_run_id).where(mine, concurrency_slot.c.limit_key.startswith(_KEY))
    bound = set(tx.connection.execute(left).scalars())
    delays: list[tuple[Row[Any], Delay]] = []
    for row in rows:
        verdict = Reject("not_waiting", "") if row.id in bound else propose(view_of(row), OthersEnded(), now)
        if isinstance(verdict, Delay):
            delays.append((row, verdict))
        elif not isinstance(verdict, Reject):
            store(tx, row, verdict, now)
    _schedule(tx, delays, now)


def _schedule(tx: Transaction, delays: Sequence[tuple[Row[Any], Delay]], now: datetime) -> None:
    """Store that runs wait to be claimed. None has begun, so that nothing of theirs is to be settled."""
    if not delays:
        return
    history = [entry for row, verdict in delays for entry in history_of(verdict, row, now)]
    tx.connection.execute(insert(flow_run_state), history)
    changes = [{"run_id": row.id, **changes_of(verdict, row, now)} for row, verdict in delays]
    tx.connection.execute(update(flow_run).where(flow_run.c.id == bindparam("run_id")), changes)
    # The others' wake-ups are the tick's: there may be thousands.
    due = [change["run_id"] for change in changes if change["wake_at"] <= now]
    tx.woken.update(due[: max(0, MAX_WOKEN - len(tx.woken))])


def _key(run_id: UUID) -> str:
    return f"{_KEY}{run_id}"


def _batches(run_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(run_ids), _BATCH):
        yield run_ids[start : start + _BATCH]
