"""Runs that stop on their way: standing at a pause, resuming, and pauses that nobody resumes in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, insert, select, tuple_, update

from alisio.contract.control import REQUESTED_PREFIX, PauseAnswer, PauseReport, PauseStatus
from alisio.contract.states import TERMINAL, StateName, StateType
from alisio_server.database.control_tables import flow_run_pause
from alisio_server.database.tables import flow_run
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.parameters import check_parameters, check_schema
from alisio_server.orchestration.pause_rules import ASKED
from alisio_server.orchestration.proposals import (
    ExecutorSays,
    NewState,
    PauseExpired,
    PersonPauses,
    PersonResumes,
    Reject,
    RunView,
)
from alisio_server.orchestration.stored_runs import load_run, lock_runs, move, view_of
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_BATCH = 200
_OF_ATTEMPT = and_(flow_run.c.id == flow_run_pause.c.flow_run_id, flow_run.c.attempt == flow_run_pause.c.attempt)


def stand_at_pause(tx: Transaction, run_id: UUID, report: PauseReport) -> PauseAnswer:
    """Let an executor stop at a pause, or tell it that it may go on.

    Args:
        tx: The transaction.
        run_id: The run; not a subflow's.
        report: The pause.

    Returns:
        What has become of it, with what it was given.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: The executor is not the run's any more, or the run cannot be suspended.
        InvalidInputError: The schema of the input is none.
    """
    row = load_run(tx, run_id)
    now = tx.now()
    alive = propose(view_of(row), ExecutorSays(report.attempt, None), now)
    if isinstance(alive, Reject):
        raise ConflictError(f"flow run {run_id}: {alive.message}", code=alive.code)
    pause = _find(tx, run_id, report.key)
    if report.on_request and row.state_name not in ASKED and (pause is None or pause.status != PauseStatus.WAITING):
        return PauseAnswer(status=PauseStatus.RESUMED)
    if pause is not None and pause.status == PauseStatus.RESUMED:
        return PauseAnswer(status=PauseStatus.RESUMED, input=pause.input)
    if pause is None or pause.attempt != report.attempt:
        return _begin(tx, row, pause, report, now)
    if pause.status == PauseStatus.WAITING and _is_over(pause, now) and not report.suspends:
        _end(tx, row, pause, now)
        return PauseAnswer(status=PauseStatus.EXPIRED)
    if pause.status == PauseStatus.WAITING:
        _stop(tx, row, report, now)
    return PauseAnswer(status=PauseStatus(pause.status))


def _find(tx: Transaction, run_id: UUID, key: str) -> Row[Any] | None:
    wanted = select(flow_run_pause).where(flow_run_pause.c.flow_run_id == run_id, flow_run_pause.c.key == key)
    return tx.connection.execute(wanted).one_or_none()


def _begin(tx: Transaction, row: Row[Any], pause: Row[Any] | None, report: PauseReport, now: datetime) -> PauseAnswer:
    """Begin to wait; where another pause of the run is waited at, that one comes first."""
    if row.state_type == StateType.PAUSED:
        return PauseAnswer(status=PauseStatus.WAITING)
    if report.input_schema is not None:
        check_schema(report.input_schema, field="input_schema")
    if report.suspends:
        _check_suspension(row, report, now)
    expires = None if report.timeout_seconds is None else now + timedelta(seconds=report.timeout_seconds)
    values = {
        "attempt": report.attempt,
        "suspends": report.suspends,
        "status": PauseStatus.WAITING,
        "description": report.description,
        "input_schema": report.input_schema,
        "created": now,
        "expires": expires,
    }
    if pause is None:
        tx.connection.execute(insert(flow_run_pause), [{"flow_run_id": row.id, "key": report.key, **values}])
    else:
        tx.connection.execute(update(flow_run_pause).where(*_same(pause)).values(values))
    _stop(tx, row, report, now)
    return PauseAnswer(status=PauseStatus.WAITING)


def _check_suspension(row: Row[Any], report: PauseReport, now: datetime) -> None:
    says = ExecutorSays(report.attempt, NewState(StateType.PAUSED, StateName.SUSPENDED))
    verdict = propose(view_of(row), says, now)
    if isinstance(verdict, Reject):
        raise ConflictError(f"flow run {row.id}: {verdict.message}", code=verdict.code)


def _stop(tx: Transaction, row: Row[Any], report: PauseReport, now: datetime) -> None:
    # A run that suspends itself is PAUSED with the last report of its process, after all that comes before.
    if not report.suspends and row.state_type != StateType.PAUSED:
        message = "It waits for input." if report.input_schema is not None else "It waits to be resumed."
        says = ExecutorSays(report.attempt, NewState(StateType.PAUSED, StateName.PAUSED, message))
        move(tx, row, says, now)


def _end(tx: Transaction, row: Row[Any], pause: Row[Any], now: datetime) -> None:
    """Let a run go on that waited too long: its code hears of it, and may do without."""
    _set(tx, pause, PauseStatus.EXPIRED)
    message = "It was not resumed in time."
    move(tx, row, ExecutorSays(row.attempt, NewState(StateType.RUNNING, StateName.RUNNING, message)), now)


def _is_over(pause: Row[Any], now: datetime) -> bool:
    return pause.expires is not None and pause.expires <= now


def _same(pause: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    return flow_run_pause.c.flow_run_id == pause.flow_run_id, flow_run_pause.c.key == pause.key


def _set(tx: Transaction, pause: Row[Any], status: PauseStatus, given: dict[str, Any] | None = None) -> None:
    tx.connection.execute(update(flow_run_pause).where(*_same(pause)).values(status=status, input=given))


def pause_run(tx: Transaction, run_id: UUID, *, suspends: bool) -> None:
    """Have a run stop at its next task.

    Args:
        tx: The transaction.
        run_id: The run.
        suspends: Whether its process is to end there.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It does not run, or cannot be suspended.
    """
    move(tx, load_run(tx, run_id), PersonPauses(suspends), tx.now())


def view_of_leased(tx: Transaction, row: Row[Any]) -> RunView:
    """Show the rules where a run stands whose attempt may end: whether it was asked to stand at the pause it is at."""
    view = view_of(row)
    if view.state is not StateType.PAUSED or not view.leased:
        return view
    asked = exists().where(
        flow_run_pause.c.flow_run_id == row.id,
        flow_run_pause.c.attempt == row.attempt,
        flow_run_pause.c.status == PauseStatus.WAITING,
        flow_run_pause.c.key.startswith(REQUESTED_PREFIX),
    )
    return replace(view, stands_asked=bool(tx.connection.execute(select(asked)).scalar_one()))


def resume_run(tx: Transaction, run_id: UUID, given: dict[str, Any] | None) -> None:
    """Let a run that is paused or suspended go on.

    Args:
        tx: The transaction; it sends the wake-up after its commit.
        run_id: The run.
        given: The input that it waits for.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It is not paused, or it is too late.
        InvalidInputError: The input is missing, is not wanted, or does not fit. The run stays paused.
    """
    row = load_run(tx, run_id)
    now = tx.now()
    move(tx, row, PersonResumes(), now)
    waiting = select(flow_run_pause).where(
        flow_run_pause.c.flow_run_id == run_id,
        flow_run_pause.c.attempt == row.attempt,
        flow_run_pause.c.status == PauseStatus.WAITING,
    )
    pause = tx.connection.execute(waiting.order_by(flow_run_pause.c.created.desc()).limit(1)).one_or_none()
    if pause is not None and _is_over(pause, now):
        raise ConflictError(f"flow run {run_id}: it is too late to resume it", code="pause_expired")
    if pause is not None and pause.suspends and row.state_type == StateType.RUNNING:
        # Its process was told to end, and would suspend the run after all.
        message = f"flow run {run_id}: it is about to be suspended: resume it once it is"
        raise ConflictError(message, code="not_paused")
    _check_input(row, None if pause is None else pause.input_schema, given)
    if pause is not None:
        _set(tx, pause, PauseStatus.RESUMED, given)


def _check_input(row: Row[Any], schema: dict[str, Any] | None, given: dict[str, Any] | None) -> None:
    if schema is None:
        if given:
            raise InvalidInputError(f"flow run {row.id} waits for no input: resume it without one", field="input")
        return
    if given is None:
        fields = ", ".join(schema.get("properties", {}))
        raise InvalidInputError(f"flow run {row.id} waits for input: give {fields or 'it'}", field="input")
    check_parameters(schema, given, field="input")


def expire_pauses(tx: Transaction) -> int:
    """Fail the suspended runs that nobody has resumed in time, up to 200 of them.

    Args:
        tx: The transaction.

    Returns:
        How many failed.
    """
    now = tx.now()
    suspended = (flow_run.c.state_type == StateType.PAUSED, flow_run.c.lease_until.is_(None))
    overdue = select(flow_run_pause.c.flow_run_id).where(*_overdue(now), exists().where(_OF_ATTEMPT, *suspended))
    ids = tx.connection.execute(overdue.limit(_BATCH)).scalars().all()
    rows = lock_runs(tx, flow_run.c.id.in_(ids), *suspended, order_by=(flow_run.c.id,), limit=_BATCH) if ids else []
    for row in rows:
        move(tx, row, PauseExpired(), now)
    if rows:
        # Their other pauses go with them: nobody is there to hear of those either.
        mine = flow_run_pause.c.flow_run_id.in_([row.id for row in rows])
        tx.connection.execute(update(flow_run_pause).where(mine, *_overdue(now)).values(status=PauseStatus.EXPIRED))
    return len(rows)


def close_pauses(tx: Transaction) -> int:
    """Say of pauses that nobody stands at any more that they have expired, up to 200 of them; returns how many.

    Their runs have ended, or are at a later attempt: each tick would read them again.
    """
    now = tx.now()
    key = tuple_(flow_run_pause.c.flow_run_id, flow_run_pause.c.key)
    stood_at = exists().where(_OF_ATTEMPT, flow_run.c.state_type.not_in(TERMINAL))
    left = select(flow_run_pause.c.flow_run_id, flow_run_pause.c.key).where(*_overdue(now), ~stood_at).limit(_BATCH)
    # Said again outside: somebody may begin to wait there anew meanwhile.
    closed = update(flow_run_pause).where(key.in_(left), *_overdue(now)).values(status=PauseStatus.EXPIRED)
    return tx.connection.execute(closed).rowcount


def _overdue(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return flow_run_pause.c.status == PauseStatus.WAITING, flow_run_pause.c.expires < now
