"""Reading flows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select

from alisio.contract.base import Page
from alisio.contract.deployments import FlowQuery
from alisio.contract.runs import Flow
from alisio_server.database.queries.conditions import any_of, contains
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.database.tables import flow
from alisio_server.errors import NotFoundError

_BY_NAME = Order("flows", (flow.c.name, flow.c.id))
_FLOWS: Select[Any] = select(flow.c.id, flow.c.name, flow.c.created)


def get_flow(connection: Connection, flow_id: UUID) -> Flow:
    """Read one flow.

    Raises:
        NotFoundError: There is none by that id.
    """
    row = connection.execute(_FLOWS.where(flow.c.id == flow_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no flow with id {flow_id}", code="flow_not_found", field="flow_id")
    return _build(row)


def filter_flows(connection: Connection, query: FlowQuery) -> Page[Flow]:
    """Read a page of flows by name."""
    wanted = query.filter
    statement = _FLOWS.where(
        *any_of(flow.c.id, wanted.ids),
        *any_of(flow.c.name, wanted.names),
        *contains(flow.c.name, wanted.name_contains),
    )
    return read_page(connection, statement, _BY_NAME, _build, limit=query.limit, cursor=query.cursor)


def _build(row: Row[Any]) -> Flow:
    return Flow.model_validate(dict(row._mapping))
