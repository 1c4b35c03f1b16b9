"""Reading work queues."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, select

from alisio.contract.base import Page
from alisio.contract.states import StateType
from alisio.contract.work_pools import WorkQueue
from alisio_server.database.engine import Database
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.database.queries.work_pools import no_such_pool
from alisio_server.database.tables import flow_run, work_pool, work_queue
from alisio_server.errors import NotFoundError
from alisio_server.orchestration.leases import LATE_AFTER_SECONDS

_BY_PRIORITY = Order("work_queues", (work_queue.c.priority, work_queue.c.name, work_queue.c.id))


def get_work_queue(database: Database, connection: Connection, pool: str, name: str) -> WorkQueue:
    """Read one work queue.

    Raises:
        NotFoundError: There is no such pool, or it has no such queue.
    """
    statement = _queues(database, connection, pool).where(work_queue.c.name == name)
    row = connection.execute(statement).one_or_none()
    if row is None:
        _require_pool(connection, pool)
        raise _no_such_queue(pool, name)
    return _build(row)


def list_work_queues(
    database: Database, connection: Connection, pool: str, *, limit: int, cursor: str | None
) -> Page[WorkQueue]:
    """Read a page of a pool's queues, in the order in which they are served.

    Raises:
        NotFoundError: There is no such pool.
    """
    statement = _queues(database, connection, pool)
    page = read_page(connection, statement, _BY_PRIORITY, _build, limit=limit, cursor=cursor)
    if not page.items:
        _require_pool(connection, pool)
    return page


def get_queue_ids(connection: Connection, pool: str, names: Sequence[str] | None) -> list[UUID]:
    """Find the ids of a pool's queues.

    Args:
        connection: Where to read.
        pool: The work pool's name.
        names: The queues' names; None: all of the pool.

    Raises:
        NotFoundError: There is no such pool, or it lacks one of the queues.
    """
    ids = {name: queue_id for queue_id, name in get_queue_names(connection, pool).items()}
    for name in names or ():
        if name not in ids:
            raise _no_such_queue(pool, name)
    return [ids[name] for name in (ids if names is None else names)]


def get_queue_names(connection: Connection, pool: str) -> dict[UUID, str]:
    """Find the names of all queues of a pool, by their ids.

    Raises:
        NotFoundError: There is no such pool.
    """
    statement = (
        select(work_queue.c.id, work_queue.c.name)
        .join(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
        .where(work_pool.c.name == pool)
    )
    names = {row.id: row.name for row in connection.execute(statement)}
    if not names:
        _require_pool(connection, pool)
    return names


def _require_pool(connection: Connection, pool: str) -> None:
    if connection.execute(select(work_pool.c.id).where(work_pool.c.name == pool)).one_or_none() is None:
        raise no_such_pool(pool)


def _no_such_queue(pool: str, name: str) -> NotFoundError:
    return NotFoundError(
        f"there is no work queue {name!r} in the pool {pool!r}: see `alisio work-queue ls -p {pool}`",
        code="work_queue_not_found",
        field="queue",
    )


def _queues(database: Database, connection: Connection, pool: str) -> Select[Any]:
    overdue = database.now(connection) - timedelta(seconds=LATE_AFTER_SECONDS)
    runs = select(func.count()).where(flow_run.c.work_queue_id == work_queue.c.id).correlate(work_queue)
    late = runs.where(flow_run.c.state_type == StateType.SCHEDULED, flow_run.c.due < overdue)
    held = runs.where(flow_run.c.lease_until.is_not(None))
    return (
        select(
            work_queue,
            work_pool.c.name.label("work_pool_name"),
            late.scalar_subquery().label("late"),
            held.scalar_subquery().label("slots_in_use"),
        )
        .join(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
        .where(work_pool.c.name == pool)
    )


def _build(row: Row[Any]) -> WorkQueue:
    return WorkQueue.model_validate(dict(row._mapping))
