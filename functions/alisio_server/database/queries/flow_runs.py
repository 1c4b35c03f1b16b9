"""Reading flow runs and their states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from alisio.contract.base import MAX_PAGE, Count, Page
from alisio.contract.runs import FlowRun, FlowRunFilter, FlowRunQuery, FlowRunSort
from alisio.contract.state_record import StateRecord
from alisio_server.database.queries.conditions import any_of, contains, has_all_tags
from alisio_server.database.queries.paging import Order, count_rows, read_page
from alisio_server.database.tables import deployment, flow, flow_run, flow_run_state, work_pool, work_queue
from alisio_server.errors import InvalidInputError, NotFoundError

# As the index `ix_flow_run_start` has it.
_start = func.coalesce(flow_run.c.started, flow_run.c.due)
_by_start = _start.label("start")
_ORDERS = {
    FlowRunSort.CREATED_DESC: Order("flow_runs.created_desc", (flow_run.c.created, flow_run.c.id), descending=True),
    FlowRunSort.CREATED_ASC: Order("flow_runs.created_asc", (flow_run.c.created, flow_run.c.id)),
    FlowRunSort.DUE_DESC: Order("flow_runs.due_desc", (flow_run.c.due, flow_run.c.id), descending=True),
    FlowRunSort.DUE_ASC: Order("flow_runs.due_asc", (flow_run.c.due, flow_run.c.id)),
    FlowRunSort.START_DESC: Order("flow_runs.start_desc", (_by_start, flow_run.c.id), descending=True),
    FlowRunSort.START_ASC: Order("flow_runs.start_asc", (_by_start, flow_run.c.id)),
    FlowRunSort.ENDED_DESC: Order("flow_runs.ended_desc", (flow_run.c.ended, flow_run.c.id), descending=True),
}
_PLAIN = (
    "id", "name", "flow_id", "flow_version", "due", "attempt", "deployment_id", "schedule_slug", "occurrence",
    "parameters", "job_variables", "tags", "retries", "parent_flow_run_id", "root_flow_run_id", "agent_id",
    "lease_until", "infrastructure", "idempotency_key", "created_by", "created", "updated", "started", "ended",
)  # fmt: skip
_STATE = ("state_type", "state_name", "state_message", "state_timestamp", "state_result")
_RUNS: Select[Any] = (
    select(
        *(flow_run.c[name] for name in (*_PLAIN, *_STATE)),
        flow.c.name.label("flow_name"),
        deployment.c.name.label("deployment_name"),
        work_queue.c.name.label("work_queue_name"),
        work_pool.c.name.label("work_pool_name"),
        _by_start,
    )
    .join(flow, flow.c.id == flow_run.c.flow_id)
    .outerjoin(deployment, deployment.c.id == flow_run.c.deployment_id)
    .outerjoin(work_queue, work_queue.c.id == flow_run.c.work_queue_id)
    .outerjoin(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
)
# Built once: building it takes longer than executing it.
_BY_ID = _RUNS.where(flow_run.c.id == bindparam("run_id"))
_NAMES = (
    select(
        flow.c.name.label("flow_name"),
        deployment.c.name.label("deployment_name"),
        work_queue.c.name.label("work_queue_name"),
        work_pool.c.name.label("work_pool_name"),
    )
    .select_from(flow)
    .join(deployment, deployment.c.id == bindparam("deployment_id"))
    .join(work_queue, work_queue.c.id == bindparam("work_queue_id"))
    .join(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
    .where(flow.c.id == bindparam("flow_id"))
)
_MAX_KNOWN = 10_000
_known_names: dict[tuple[UUID, ...], dict[str, str]] = {}


def get_flow_run(connection: Connection, flow_run_id: UUID) -> FlowRun:
    """Read one flow run.

    Raises:
        NotFoundError: There is none by that id.
    """
    row = connection.execute(_BY_ID, {"run_id": flow_run_id}).one_or_none()
    if row is None:
        raise _not_found(flow_run_id)
    return _build_row(row)


def new_flow_run(connection: Connection, stored: Mapping[str, Any]) -> FlowRun:
    """Show a deployment's run that was stored just now, without reading it back.

    Args:
        connection: Where to look names up; what has one never gets another, so each is read once.
        stored: What its columns hold, by their names; those that are not there hold what they begin with.
    """
    ids = {name: stored[name] for name in ("flow_id", "deployment_id", "work_queue_id")}
    key = tuple(ids.values())
    names = _known_names.get(key)
    if names is None:
        if len(_known_names) >= _MAX_KNOWN:
            _known_names.clear()
        names = _known_names[key] = dict(connection.execute(_NAMES, ids).one()._mapping)
    return _build({"attempt": 0, "state_message": None, "state_result": None, **stored, **names})


def filter_flow_runs(connection: Connection, query: FlowRunQuery) -> Page[FlowRun]:
    """Read a page of flow runs."""
    statement = _RUNS.where(*conditions_of(connection, query.filter))
    order = _ORDERS[query.sort]
    if query.sort is FlowRunSort.ENDED_DESC:
        statement = statement.where(flow_run.c.ended.is_not(None))  # as the index says it
    return read_page(connection, statement, order, _build_row, limit=query.limit, cursor=query.cursor)


def count_flow_runs(connection: Connection, wanted: FlowRunFilter) -> Count:
    """Count flow runs, up to 10,000."""
    return count_rows(connection, select(flow_run.c.id).where(*conditions_of(connection, wanted)))


def get_flow_run_states(connection: Connection, flow_run_id: UUID) -> list[StateRecord]:
    """Read the history of a flow run, oldest first.

    Raises:
        NotFoundError: There is no run by that id.
    """
    columns = flow_run_state.c
    statement = (
        select(columns.type, columns.name, columns.message, columns.timestamp, columns.result)
        .where(columns.flow_run_id == flow_run_id)
        .order_by(columns.id)
    )
    states = [StateRecord.model_validate(dict(row._mapping)) for row in connection.execute(statement)]
    if (
        not states
        and connection.execute(select(flow_run.c.id).where(flow_run.c.id == flow_run_id)).one_or_none() is None
    ):
        raise _not_found(flow_run_id)
    return states


def conditions_of(connection: Connection, wanted: FlowRunFilter) -> list[ColumnElement[bool]]:
    """Make the conditions on `flow_run` that a filter says."""
    columns = flow_run.c
    return [
        *any_of(columns.id, wanted.ids),
        *any_of(columns.name, wanted.names),
        *contains(columns.name, wanted.name_contains),
        *any_of(columns.state_type, wanted.state_types),
        *any_of(columns.state_name, wanted.state_names),
        *any_of(columns.parent_flow_run_id, wanted.parent_flow_run_ids),
        *([] if wanted.created_by is None else [columns.created_by == wanted.created_by]),
        *_subflow_condition(wanted.is_subflow),
        *has_all_tags(connection, columns.tags, wanted.tags),
        *(column.in_(ids) for column, ids in origins_of(connection, wanted)),
        *_time_conditions(wanted),
    ]


def origins_of(connection: Connection, wanted: FlowRunFilter) -> list[tuple[ColumnElement[Any], list[UUID]]]:
    """Read where the runs that a filter wants come from: columns of `flow_run`, and which ids each may hold."""
    columns = flow_run.c
    queues_of_pools = select(work_queue.c.id).join(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
    named: tuple[tuple[ColumnElement[Any], Select[Any], ColumnElement[Any], list[str] | None], ...] = (
        (columns.flow_id, select(flow.c.id), flow.c.name, wanted.flow_names),
        (columns.deployment_id, select(deployment.c.id), deployment.c.name, wanted.deployment_names),
        (columns.work_queue_id, queues_of_pools, work_pool.c.name, wanted.work_pool_names),
        (columns.work_queue_id, select(work_queue.c.id), work_queue.c.name, wanted.work_queue_names),
    )
    known = ((columns.flow_id, wanted.flow_ids), (columns.deployment_id, wanted.deployment_ids))
    return [
        *((column, ids) for column, ids in known if ids is not None),
        *((column, _named(connection, ids, name, names)) for column, ids, name, names in named if names is not None),
        *_deployments_by_part(connection, wanted.deployment_name_contains),
    ]


def _named(connection: Connection, ids: Select[Any], name: ColumnElement[Any], names: list[str]) -> list[UUID]:
    # Names become ids beforehand: a comparison with one id is answered in order by the index on (id, created),
    # one with a subquery reads and sorts all the runs of the flow.
    return list(connection.execute(ids.where(name.in_(names))).scalars())


def _deployments_by_part(connection: Connection, part: str | None) -> list[tuple[ColumnElement[Any], list[UUID]]]:
    if part is None:
        return []
    found = list(
        connection.execute(
            select(deployment.c.id).where(*contains(deployment.c.name, part)).limit(MAX_PAGE + 1)
        ).scalars()
    )
    if len(found) > MAX_PAGE:
        raise InvalidInputError(
            f"the names of more than {MAX_PAGE} deployments contain {part!r}: say more of them",
            code="too_many_deployments",
            field="filter.deployment_name_contains",
        )
    return [(flow_run.c.deployment_id, found)]


def _subflow_condition(is_subflow: bool | None) -> list[ColumnElement[bool]]:
    if is_subflow is None:
        return []
    parent = flow_run.c.parent_flow_run_id
    return [parent.is_not(None) if is_subflow else parent.is_(None)]


def _time_conditions(wanted: FlowRunFilter) -> list[ColumnElement[bool]]:
    columns = flow_run.c
    conditions = []
    if wanted.due_after is not None:
        conditions.append(columns.due >= wanted.due_after)
    if wanted.due_before is not None:
        conditions.append(columns.due < wanted.due_before)
    if wanted.created_after is not None:
        conditions.append(columns.created >= wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(columns.created < wanted.created_before)
    if wanted.started_after is not None or wanted.started_before is not None:
        conditions.append(columns.started.is_not(None))
    if wanted.started_after is not None:
        conditions.append(_start >= wanted.started_after)
    if wanted.started_before is not None:
        conditions.append(_start < wanted.started_before)
    if wanted.ended_after is not None:
        conditions.append(columns.ended >= wanted.ended_after)
    if wanted.ended_before is not None:
        conditions.append(columns.ended < wanted.ended_before)
    return conditions


def _build_row(row: Row[Any]) -> FlowRun:
    return _build(row._mapping)


def _build(values: Mapping[Any, Any]) -> FlowRun:
    state = StateRecord(
        type=values["state_type"],
        name=values["state_name"],
        message=values["state_message"],
        timestamp=values["state_timestamp"],
        result=values["state_result"],
    )
    return FlowRun.model_validate({**values, "state": state})


def _not_found(flow_run_id: UUID) -> NotFoundError:
    return NotFoundError(f"there is no flow run with id {flow_run_id}", code="flow_run_not_found", field="flow_run_id")
