"""Applying the reports of executors: one idempotent, ordered, fenced batch in one transaction.

It is on the path of every flow run by hand, so it imports nothing heavy and takes few statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert

from alisio.contract.names import new_name
from alisio.contract.reports import Directive, DirectiveKind, Origin, Report, ReportAnswer, RunFacts
from alisio.contract.state_record import StateRecord
from alisio.contract.states import StateName, StateType
from alisio_server.database.tables import flow_run, flow_run_state
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.flows import ensure_flow
from alisio_server.orchestration.leases import LEASE, LEASE_SECONDS
from alisio_server.orchestration.limited_tags import limited_tags
from alisio_server.orchestration.proposals import Accept, Delay, ExecutorSays, NewState, Reject, RunView
from alisio_server.orchestration.report_rows import store_rows
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.stored_runs import (
    changes_of,
    find_run,
    history_of,
    no_such_run,
    settle,
    view_of,
    write_run,
)
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_ASKED_TO_STOP = {StateName.PAUSING: DirectiveKind.PAUSE, StateName.SUSPENDING: DirectiveKind.SUSPEND}

Move = tuple[Accept | Delay, datetime]
"""A decision on a reported state, and when the executor says that it happened."""


def apply_report(tx: Transaction, run_id: UUID, report: Report) -> ReportAnswer:
    """Store what an executor reports, and tell it where its run stands.

    Args:
        tx: The transaction.
        run_id: The run that is reported on; by hand the first report creates it.
        report: The batch.

    Returns:
        The last report applied, the run's state, how long the lease lasts, and what the executor is to do.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: `stale_attempt`, `run_ended`: the executor is to stop. `report_out_of_order`: an earlier
            report is missing. `wrong_executor`: the run is not the sender's to execute.
        InvalidInputError: A row of the report does not belong to the run.
    """
    now = tx.now()
    # Looking whether a run by hand is there before it is made would cost each of them one more statement.
    row = _create_by_hand(tx, run_id, report, now) if _is_first_by_hand(report) else find_run(tx, run_id)
    if row is None:
        raise no_such_run(run_id)
    _check_executor(row, report)
    standing = row._mapping
    if report.attempt == row.attempt - 1 and _waits_in_place(standing):
        # The answer that told the supervisor to begin the next attempt was lost: it gets it again.
        return _answer(tx, standing, report.sequence, now)
    if report.attempt == row.attempt and report.sequence <= row.report_sequence:
        return _answer(tx, standing, row.report_sequence, now)
    return _apply(tx, row, report, now)


def _is_first_by_hand(report: Report) -> bool:
    return report.origin is Origin.SCRIPT and report.sequence == 1 and report.attempt == 1


def _create_by_hand(tx: Transaction, run_id: UUID, report: Report, now: datetime) -> Row[Any] | None:
    facts = report.facts
    if facts is None or facts.flow_name is None:
        raise InvalidInputError("the first report of a run by hand names its flow", field="facts.flow_name")
    begun = report.states[0].timestamp if report.states else now
    values = _new_run(run_id, ensure_flow(tx, facts.flow_name), begun) | {
        "name": facts.name or new_name(),
        "lease_until": now + LEASE,
        "updated": now,
    }
    # Where the same report came before, the run that it made is found, and its sequence.
    tx.connection.execute(insert_into(tx, flow_run).on_conflict_do_nothing(), values)
    return find_run(tx, run_id)


def _new_run(run_id: UUID, flow_id: UUID, begun: datetime) -> dict[str, Any]:
    return {
        "id": run_id,
        "flow_id": flow_id,
        "created_by": Origin.SCRIPT,
        "root_flow_run_id": run_id,
        "state_type": StateType.PENDING,
        "state_name": StateName.PENDING,
        "state_timestamp": begun,
        "due": begun,
        "attempt": 1,
        "created": begun,
    }


def _check_executor(row: Row[Any], report: Report) -> None:
    is_subflow = row.root_flow_run_id != row.id
    if is_subflow or (row.created_by == Origin.SCRIPT) != (report.origin is Origin.SCRIPT):
        raise ConflictError(f"flow run {row.id} is not executed by a {report.origin} of its own", code="wrong_executor")


def _apply(tx: Transaction, row: Row[Any], report: Report, now: datetime) -> ReportAnswer:
    moves = _fold(_view(tx, row, report.facts), row, report, now)
    if report.sequence != row.report_sequence + 1:
        raise ConflictError(
            f"flow run {row.id}: report {report.sequence} came before report {row.report_sequence + 1}",
            code="report_out_of_order",
        )
    entries = [entry for verdict, timestamp in moves for entry in history_of(verdict, row, now, timestamp)]
    if entries:
        tx.connection.execute(insert(flow_run_state), entries)
    changes = _changes(row, report, moves, now)
    write_run(tx, row.id, changes)
    if row.provisional:
        from alisio_server.orchestration.slot_leases import note_return

        note_return(tx, row.id)
    store_rows(tx, row, report, now)
    for verdict, _ in moves:
        settle(tx, row, verdict, now)
    return _answer(tx, {**row._mapping, **changes}, report.sequence, now)


def _fold(view: RunView, row: Row[Any], report: Report, now: datetime) -> list[Move]:
    """Put the report's states to the rules, one after the other.

    A first report is itself a sign of life: it opens the gate for an executor that does not say RUNNING.
    """
    said: list[tuple[NewState | None, datetime]] = [
        (NewState(state.type, state.name, state.message, state.result), state.timestamp) for state in report.states
    ]
    opens = report.sequence == 1 and not (said and report.states[0].type is StateType.RUNNING)
    if opens or not said:
        said.insert(0, (None, now))
    moves: list[Move] = []
    for state, timestamp in said:
        verdict = propose(view, ExecutorSays(report.attempt, state), now)
        if isinstance(verdict, Reject):
            raise ConflictError(f"flow run {row.id}: {verdict.message}", code=verdict.code)
        if isinstance(verdict, Delay) or verdict.recorded:
            moves.append((verdict, timestamp))
            view = _after(view, verdict)
    return moves


def _view(tx: Transaction, row: Row[Any], facts: RunFacts | None) -> RunView:
    view = view_of(row)
    if view.state is StateType.PAUSED:
        from alisio_server.orchestration.pauses import view_of_leased

        view = view_of_leased(tx, row)
    if facts is None:
        return view
    retries = view.retries if facts.retries is None else facts.retries
    delays = view.retry_delays if facts.retry_delays is None else tuple(facts.retry_delays)
    return replace(view, retries=retries, retry_delays=delays)


def _after(view: RunView, verdict: Accept | Delay) -> RunView:
    over = verdict.state.type.is_terminal or verdict.released if isinstance(verdict, Accept) else not verdict.in_place
    return replace(
        view,
        state=verdict.state.type,
        name=verdict.state.name,
        attempt=verdict.attempt,
        leased=not over,
        provisional=verdict.provisional,
        retries_used=verdict.retries_used,
    )


def _changes(row: Row[Any], report: Report, moves: list[Move], now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "report_sequence": report.sequence,
        "lease_until": now + LEASE,
        "lease_extended": False,
        "updated": now,
    }
    if report.facts is not None:
        changes |= report.facts.model_dump(exclude_none=True, exclude={"flow_name"})
    for verdict, timestamp in moves:
        step = changes_of(verdict, row, now, timestamp)
        if "started" in changes:
            # A run that says RUNNING twice in one report began when it first did.
            step.pop("started", None)
        changes |= step
    return changes


def _answer(tx: Transaction, standing: Mapping[Any, Any], sequence: int, now: datetime) -> ReportAnswer:
    state = StateRecord(
        type=standing["state_type"],
        name=standing["state_name"],
        message=standing["state_message"],
        timestamp=standing["state_timestamp"],
    )
    directives: list[Directive] = []
    if state.type is StateType.CANCELLING:
        directives.append(Directive(kind=DirectiveKind.CANCEL))
    elif state.name in _ASKED_TO_STOP and state.type is StateType.RUNNING:
        directives.append(Directive(kind=_ASKED_TO_STOP[state.name]))
    elif _waits_in_place(standing):
        wait = max(0.0, (standing["due"] - now).total_seconds())
        retry = Directive(kind=DirectiveKind.RETRY, attempt=standing["attempt"], delay_seconds=wait)
        directives.append(retry)
    return ReportAnswer(
        sequence=sequence,
        state=state,
        lease_seconds=LEASE_SECONDS,
        directives=directives,
        limited_tags=limited_tags(tx),
    )


def _waits_in_place(standing: Mapping[Any, Any]) -> bool:
    """Tell whether a supervisor holds the run and is to begin its next attempt."""
    return (
        standing["state_type"] == StateType.SCHEDULED
        and standing["lease_until"] is not None
        and standing["created_by"] != Origin.SCRIPT
    )
