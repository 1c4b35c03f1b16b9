"""Reading work pools, and whether their runs would start."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from alisio.contract.base import Page
from alisio.contract.work_pools import WorkPool, WorkPoolStatus
from alisio_server.database.engine import Database
from alisio_server.database.queries.agents import SILENCE
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.database.tables import agent, flow_run, work_pool, work_queue
from alisio_server.errors import NotFoundError
from alisio_server.orchestration.leases import START_TIMEOUT_SECONDS

_BY_NAME = Order("work_pools", (work_pool.c.name, work_pool.c.id))


def get_work_pool(database: Database, connection: Connection, name: str) -> WorkPool:
    """Read one work pool.

    Raises:
        NotFoundError: There is none by that name.
    """
    row = connection.execute(_pools(database, connection).where(work_pool.c.name == name)).one_or_none()
    if row is None:
        raise no_such_pool(name)
    return _build(row)


def list_work_pools(database: Database, connection: Connection, *, limit: int, cursor: str | None) -> Page[WorkPool]:
    """Read a page of work pools by name."""
    return read_page(connection, _pools(database, connection), _BY_NAME, _build, limit=limit, cursor=cursor)


def no_such_pool(name: str) -> NotFoundError:
    """Make the error for a work pool that is not there."""
    return NotFoundError(
        f"there is no work pool {name!r}: see `alisio work-pool ls`", code="work_pool_not_found", field="name"
    )


def _held_runs(of: ColumnElement[bool]) -> Any:
    """Count the runs that somebody holds a lease of: claimed, or running."""
    return (
        select(func.count())
        .select_from(flow_run)
        .join(work_queue, work_queue.c.id == flow_run.c.work_queue_id)
        .where(of, flow_run.c.lease_until.is_not(None))
    )


def _pools(database: Database, connection: Connection) -> Select[Any]:
    # Correlated counts: a page of pools is small, and so is the set of leases that its partial index holds.
    heard_of = (
        select(agent.c.id)
        .where(
            agent.c.work_pool_id == work_pool.c.id,
            agent.c.stopping.is_(False),
            agent.c.last_seen >= database.now(connection) - SILENCE,
        )
        .exists()
    )
    held = _held_runs(work_queue.c.work_pool_id == work_pool.c.id).correlate(work_pool).scalar_subquery()
    return select(work_pool, heard_of.label("heard_of"), held.label("slots_in_use"))


def _build(row: Row[Any]) -> WorkPool:
    values = dict(row._mapping)
    status = WorkPoolStatus.READY if values.pop("heard_of") else WorkPoolStatus.NOT_READY
    if values["paused"]:
        status = WorkPoolStatus.PAUSED
    timeout = START_TIMEOUT_SECONDS[values["type"]]
    return WorkPool.model_validate({**values, "status": status, "start_timeout_seconds": timeout})
