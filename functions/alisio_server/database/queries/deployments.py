"""Reading deployments, with their schedules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from alisio.contract.base import Page, utc_now
from alisio.contract.deployments import Deployment, DeploymentQuery, Schedule
from alisio_server.database.queries.conditions import any_of, has_all_tags
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.database.tables import deployment, flow, schedule, work_pool, work_queue
from alisio_server.errors import NotFoundError
from alisio_server.orchestration.scheduling.occurrences import next_due

_FLOW_NAME = flow.c.name.label("flow_name")
_BY_NAME = Order("deployments", (flow.c.name, deployment.c.name, deployment.c.id))
_DEPLOYMENTS = (
    select(
        deployment,
        _FLOW_NAME,
        work_queue.c.name.label("work_queue_name"),
        work_pool.c.name.label("work_pool_name"),
    )
    .join(flow, flow.c.id == deployment.c.flow_id)
    .outerjoin(work_queue, work_queue.c.id == deployment.c.work_queue_id)
    .outerjoin(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
)


def get_deployment(connection: Connection, deployment_id: UUID) -> Deployment:
    """Read one deployment.

    Raises:
        NotFoundError: There is none by that id.
    """
    row = connection.execute(_DEPLOYMENTS.where(deployment.c.id == deployment_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no deployment with id {deployment_id}", code="deployment_not_found", field="deployment_id"
        )
    return _with_schedules(connection, [_build(row)])[0]


def get_deployment_by_name(connection: Connection, flow_name: str, name: str) -> Deployment:
    """Read the deployment of a name.

    Raises:
        NotFoundError: The flow has none by that name.
    """
    statement = _DEPLOYMENTS.where(flow.c.name == flow_name, deployment.c.name == name)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no deployment '{flow_name}/{name}': see `alisio deployment ls`",
            code="deployment_not_found",
            field="name",
        )
    return _with_schedules(connection, [_build(row)])[0]


def filter_deployments(connection: Connection, query: DeploymentQuery) -> Page[Deployment]:
    """Read a page of deployments by flow name and name."""
    wanted, columns = query.filter, deployment.c
    statement = _DEPLOYMENTS.where(
        *any_of(columns.id, wanted.ids),
        *any_of(columns.name, wanted.names),
        *any_of(flow.c.name, wanted.flow_names),
        *any_of(work_pool.c.name, wanted.work_pool_names),
        *has_all_tags(connection, columns.tags, wanted.tags),
        *([] if wanted.paused is None else [columns.paused.is_(wanted.paused)]),
    )
    page = read_page(connection, statement, _BY_NAME, _build, limit=query.limit, cursor=query.cursor)
    return Page(items=_with_schedules(connection, page.items), next_cursor=page.next_cursor)


def _with_schedules(connection: Connection, deployments: list[Deployment]) -> list[Deployment]:
    paused = {item.id: item.paused for item in deployments}
    now = utc_now()
    statement = (
        select(*(column for column in schedule.c if column is not schedule.c.timer_at))
        .where(schedule.c.deployment_id.in_(list(paused)))
        .order_by(schedule.c.deployment_id, schedule.c.slug)
    )
    schedules = [_schedule(row, None if paused[row.deployment_id] else now) for row in connection.execute(statement)]
    return [item.model_copy(update={"schedules": _of(schedules, item.id)}) for item in deployments]


def _of(schedules: Iterable[Schedule], deployment_id: UUID) -> list[Schedule]:
    return [item for item in schedules if item.deployment_id == deployment_id]


def _schedule(row: Row[Any], now: datetime | None) -> Schedule:
    built = Schedule.model_validate(dict(row._mapping))
    if now is None or not built.active:
        return built
    return built.model_copy(update={"next_due": next_due(built, now)})


def _build(row: Row[Any]) -> Deployment:
    return Deployment.model_validate(dict(row._mapping))
