"""Reading agents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, case, select

from alisio.contract.base import Page
from alisio.contract.work_pools import Agent, AgentStatus
from alisio_server.database.engine import Database
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.database.tables import agent, work_pool

SILENCE = timedelta(seconds=60)
"""An agent that was not heard of for so long is offline."""

_BY_NAME = Order("agents", (agent.c.name, agent.c.id))


def list_agents(
    database: Database, connection: Connection, work_pool_name: str | None, *, limit: int, cursor: str | None
) -> Page[Agent]:
    """Read a page of agents by name, of one pool or of all."""
    online = agent.c.stopping.is_(False) & (agent.c.last_seen >= database.now(connection) - SILENCE)
    statement = select(
        agent,
        agent.c.run_limit.label("limit"),
        work_pool.c.name.label("work_pool_name"),
        case((online, AgentStatus.ONLINE.value), else_=AgentStatus.OFFLINE.value).label("status"),
    ).join(work_pool, work_pool.c.id == agent.c.work_pool_id)
    if work_pool_name is not None:
        statement = statement.where(work_pool.c.name == work_pool_name)
    return read_page(connection, statement, _BY_NAME, _build, limit=limit, cursor=cursor)


def _build(row: Row[Any]) -> Agent:
    return Agent.model_validate(dict(row._mapping))
