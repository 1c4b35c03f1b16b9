"""Flows."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Page
from alisio.contract.deployments import FlowQuery
from alisio.contract.runs import Flow
from alisio_server.access.rules import Access
from alisio_server.database.queries import flows as queries
from alisio_server.orchestration import flows
from alisio_server.routes.support import Resource, no_content

resource = Resource("Flows")


@resource.route("POST", "/api/flows/filter", access=Access.READ)
def filter_flows(query: FlowQuery) -> Page[Flow]:
    """List flows by name."""
    with resource.services.database.read() as connection:
        return queries.filter_flows(connection, query)


@resource.route("GET", "/api/flows/<flow_id>", access=Access.READ, errors=(404,))
def get_flow(flow_id: UUID) -> Flow:
    """Read a flow."""
    with resource.services.database.read() as connection:
        return queries.get_flow(connection, flow_id)


@resource.route("DELETE", "/api/flows/<flow_id>", access=Access.ADMIN, status=204, errors=(404, 409))
def delete_flow(flow_id: UUID) -> Response[None]:
    """Delete a flow, its deployments and its runs."""
    with resource.services.transaction() as tx:
        flows.delete_flow(tx, flow_id)
    return no_content()
