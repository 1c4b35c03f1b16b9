"""Reading task runs: their whole history lies in one row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from alisio.contract.base import Page
from alisio.contract.runs import TaskRun, TaskRunQuery, TaskRunSort
from alisio.contract.state_record import StateRecord
from alisio.contract.states import StateType
from alisio_server.database.instants import from_microseconds
from alisio_server.database.queries.conditions import any_of, has_all_tags
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.database.tables import task_run
from alisio_server.errors import NotFoundError

# Ids of version 7 sort by the time they were made.
_ORDERS = {
    TaskRunSort.CREATED_ASC: Order("task_runs.created_asc", (task_run.c.id,)),
    TaskRunSort.CREATED_DESC: Order("task_runs.created_desc", (task_run.c.id,), descending=True),
}
_TASK_RUNS = select(task_run)


def get_task_run(connection: Connection, task_run_id: UUID) -> TaskRun:
    """Read one task run.

    Raises:
        NotFoundError: There is none by that id.
    """
    row = connection.execute(_TASK_RUNS.where(task_run.c.id == task_run_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no task run with id {task_run_id}", code="task_run_not_found", field="task_run_id"
        )
    return _build(row)


def filter_task_runs(connection: Connection, query: TaskRunQuery) -> Page[TaskRun]:
    """Read a page of task runs."""
    wanted, columns = query.filter, task_run.c
    statement = _TASK_RUNS.where(
        *any_of(columns.id, wanted.ids),
        *any_of(columns.flow_run_id, wanted.flow_run_ids),
        *any_of(columns.name, wanted.names),
        *any_of(columns.task_key, wanted.task_keys),
        *any_of(columns.state_type, wanted.state_types),
        *any_of(columns.state_name, wanted.state_names),
        *has_all_tags(connection, columns.tags, wanted.tags),
    )
    return read_page(connection, statement, _ORDERS[query.sort], _build, limit=query.limit, cursor=query.cursor)


def _build(row: Row[Any]) -> TaskRun:
    values = dict(row._mapping)
    states = [_state(*entry) for entry in values.pop("history")]
    last = states[-1]
    return TaskRun.model_validate(
        {
            **values,
            "state": last,
            "states": states,
            "started": next((state.timestamp for state in states if state.type is StateType.RUNNING), None),
            "ended": last.timestamp if last.type.is_terminal else None,
        }
    )


def _state(type_: str, name: str, message: str | None, microseconds: int, result: str | None = None) -> StateRecord:
    timestamp = from_microseconds(microseconds)
    return StateRecord(type=StateType(type_), name=name, message=message, timestamp=timestamp, result=result)
