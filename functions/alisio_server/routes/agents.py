"""Agents."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import AfterValidator

from alisio.contract.base import Page
from alisio.contract.work_pools import Agent, AgentBeat, BeatAnswer
from alisio_server.access.rules import Access
from alisio_server.database.queries import agents as queries
from alisio_server.events import storable
from alisio_server.orchestration import agents
from alisio_server.routes.support import PageCursor, PageLimit, Resource

resource = Resource("Agents")

PoolName = Annotated[
    str | None,
    AfterValidator(lambda name: name and storable(name)),
    Query(max_length=200, description="Only the agents of this work pool."),
]


@resource.route("PUT", "/api/agents/<agent_id>", access=Access.EXECUTE, errors=(404, 409))
def beat(agent_id: UUID, told: AgentBeat) -> BeatAnswer:
    """Say that an agent lives, which renews the leases of the runs it holds."""
    with resource.services.transaction() as tx:
        return agents.beat(tx, agent_id, told)


@resource.route("GET", "/api/agents", access=Access.READ)
def list_agents(work_pool_name: PoolName = None, limit: PageLimit = 50, cursor: PageCursor = None) -> Page[Agent]:
    """List agents by name."""
    database = resource.services.database
    with database.read() as connection:
        return queries.list_agents(database, connection, work_pool_name, limit=limit, cursor=cursor)
