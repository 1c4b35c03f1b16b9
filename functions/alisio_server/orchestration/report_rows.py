"""Storing the rows of a report: subflow runs, task runs, logs, and what flows keep around them."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select

from alisio.contract.reports import LogLine, Report, SubflowNews, TaskRunNews
from alisio.contract.states import StateType
from alisio_server.database.tables import flow_run, flow_run_state, log, task_run
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.children import history_entry
from alisio_server.orchestration.flows import ensure_flow
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

if TYPE_CHECKING:
    from alisio_server.orchestration.around_rows import Around

_WARNING = 30
_SUBFLOW_CHANGES = (
    "name", "flow_version", "parameters", "tags", "retries", "state_type", "state_name", "state_message",
    "state_result", "state_timestamp", "started", "ended", "updated",
)  # fmt: skip
_TASK_RUN_CHANGES = ("name", "tags", "inputs", "state_type", "state_name", "history")


def store_rows(tx: Transaction, root: Row[Any], report: Report, now: datetime) -> None:
    """Store the subflow runs, task runs, log lines, artifacts and events of a report.

    Args:
        tx: The transaction.
        root: The run that is reported on.
        report: The batch.
        now: The database's time.

    Raises:
        InvalidInputError: A row belongs to a run that is not the root's, or that is not known yet.
        ConflictError: `wrong_executor`: a subflow run has the id of somebody else's run.
    """
    around = _around(report)
    if report.subflows or report.task_runs or report.logs or around is not None:
        _check_family(tx, root.id, report, around)
    if report.subflows:
        _store_subflows(tx, root, report.subflows, now)
    if report.task_runs:
        _store_task_runs(tx, root, report.task_runs)
    if report.logs or report.dropped_logs:
        _store_logs(tx, root, report, now)
    if around is not None:
        from alisio_server.orchestration.around_rows import store_around

        store_around(tx, root, around, now)


def _around(report: Report) -> Around | None:
    if not (report.artifacts or report.events or any(news.materializes is not None for news in report.task_runs)):
        return None
    from alisio_server.orchestration.around_rows import read_around

    return read_around(report)


def _check_family(tx: Transaction, root_id: UUID, report: Report, around: Around | None) -> None:
    """See to it that every row belongs to the root or to one of its subflows, known or told of before it."""
    told: set[UUID] = {root_id}
    named: dict[UUID, str] = {}
    for place, subflow in enumerate(report.subflows):
        if subflow.id == root_id:
            raise InvalidInputError("a run is not its own subflow", field=f"subflows.{place}.id")
        if subflow.parent_flow_run_id is not None and subflow.parent_flow_run_id not in told:
            named.setdefault(subflow.parent_flow_run_id, f"subflows.{place}.parent_flow_run_id")
        told.add(subflow.id)
    owners = {
        "task_runs": [news.flow_run_id for news in report.task_runs],
        "logs": [line.flow_run_id for line in report.logs],
        **({} if around is None else around.owners()),
    }
    for kind, run_ids in owners.items():
        for place, run_id in enumerate(run_ids):
            if run_id is not None and run_id not in told:
                named.setdefault(run_id, f"{kind}.{place}.flow_run_id")
    if named:
        known = select(flow_run.c.id).where(flow_run.c.id.in_(named), flow_run.c.root_flow_run_id == root_id)
        for stranger in named.keys() - set(tx.connection.execute(known).scalars()):
            message = f"{stranger} is not a subflow run of {root_id}, or was not told of before"
            raise InvalidInputError(message, field=named[stranger])


def _store_subflows(tx: Transaction, root: Row[Any], subflows: list[SubflowNews], now: datetime) -> None:
    flows = {name: ensure_flow(tx, name) for name in dict.fromkeys(news.flow_name for news in subflows)}
    latest = {news.id: news for news in subflows}
    rows = [_subflow_row(root, news, flows[news.flow_name], now) for news in latest.values()]
    statement = insert_into(tx, flow_run)
    statement = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={name: statement.excluded[name] for name in _SUBFLOW_CHANGES},
        where=flow_run.c.root_flow_run_id == statement.excluded.root_flow_run_id,
    )
    tx.connection.execute(statement, rows)
    _check_owned(tx, root.id, latest.keys())
    # Each news brings the whole history.
    tx.connection.execute(delete(flow_run_state).where(flow_run_state.c.flow_run_id.in_(latest)))
    history = [
        {"flow_run_id": news.id, "attempt": root.attempt, **state.model_dump()}
        for news in latest.values()
        for state in news.states
    ]
    tx.connection.execute(insert(flow_run_state), history)


def _check_owned(tx: Transaction, root_id: UUID, subflow_ids: Set[UUID]) -> None:
    owned = select(flow_run.c.id).where(flow_run.c.id.in_(subflow_ids), flow_run.c.root_flow_run_id == root_id)
    for stranger in subflow_ids - set(tx.connection.execute(owned).scalars()):
        raise ConflictError(f"{stranger} is the id of a flow run that is not part of {root_id}", code="wrong_executor")


def _subflow_row(root: Row[Any], news: SubflowNews, flow_id: UUID, now: datetime) -> dict[str, Any]:
    first, last = news.states[0], news.states[-1]
    running = (state.timestamp for state in news.states if state.type is StateType.RUNNING)
    return {
        "id": news.id,
        "name": news.name,
        "flow_id": flow_id,
        "flow_version": news.flow_version,
        "created_by": "script",
        "parent_flow_run_id": news.parent_flow_run_id or root.id,
        "root_flow_run_id": root.id,
        "parameters": news.parameters,
        "tags": news.tags,
        "retries": news.retries,
        "attempt": root.attempt,
        "state_type": last.type,
        "state_name": last.name,
        "state_message": last.message,
        "state_result": last.result,
        "state_timestamp": last.timestamp,
        "due": first.timestamp,
        "started": next(running, None),
        "ended": last.timestamp if last.type.is_terminal else None,
        "created": first.timestamp,
        "updated": now,
    }


def _store_task_runs(tx: Transaction, root: Row[Any], task_runs: Iterable[TaskRunNews]) -> None:
    latest = {news.id: news for news in task_runs}
    rows = [_task_run_row(root, news) for news in latest.values()]
    statement = insert_into(tx, task_run)
    statement = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={name: statement.excluded[name] for name in _TASK_RUN_CHANGES},
        where=task_run.c.flow_run_id == statement.excluded.flow_run_id,
    )
    tx.connection.execute(statement, rows)


def _task_run_row(root: Row[Any], news: TaskRunNews) -> dict[str, Any]:
    last = news.states[-1]
    return {
        "id": news.id,
        "flow_run_id": news.flow_run_id or root.id,
        "attempt": root.attempt,
        "task_key": news.task_key,
        "name": news.name,
        "index": news.index,
        "tags": news.tags,
        "inputs": {name: [str(source) for source in sources] for name, sources in news.inputs.items()},
        "state_type": last.type,
        "state_name": last.name,
        "history": [
            history_entry(state.type, state.name, state.message, state.timestamp, state.result) for state in news.states
        ],
    }


def _store_logs(tx: Transaction, root: Row[Any], report: Report, now: datetime) -> None:
    rows = [_log_row(root, line) for line in report.logs]
    if report.dropped_logs:
        message = f"{report.dropped_logs} log lines were dropped: there was no room for them."
        rows.append(_log_row(root, LogLine(timestamp=now, level=_WARNING, logger="alisio", message=message)))
    tx.connection.execute(insert(log), rows)


def _log_row(root: Row[Any], line: LogLine) -> dict[str, Any]:
    return {
        "flow_run_id": line.flow_run_id or root.id,
        "task_run_id": line.task_run_id,
        "attempt": root.attempt,
        "timestamp": line.timestamp,
        "level": line.level,
        "logger": line.logger,
        "message": line.message,
    }
