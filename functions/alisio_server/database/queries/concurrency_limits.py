"""Reading named limits, with what is taken of them."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import Connection, Row, select

from alisio.contract.base import Page
from alisio.contract.limits import ConcurrencyLimit, HeldSlots
from alisio_server.database.engine import Database
from alisio_server.database.limit_tables import concurrency_lease, concurrency_lease_slots, concurrency_limit
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.orchestration.named_limits import no_such_limit
from alisio_server.orchestration.slot_counts import Taken, count_taken, decaying_at, holds

_MAX_HELD = 100
_BY_NAME = Order("concurrency-limits", (concurrency_limit.c.name,))


def get_limit(database: Database, connection: Connection, name: str) -> ConcurrencyLimit:
    """Read one limit, with those who hold slots of it.

    Raises:
        NotFoundError: There is none by that name.
    """
    row = connection.execute(select(concurrency_limit).where(concurrency_limit.c.name == name)).one_or_none()
    if row is None:
        raise no_such_limit(name)
    now = database.now(connection)
    taken = count_taken(connection, [row.id], now)
    return _build(row, taken.get(row.id, Taken()), now).model_copy(update={"held": _held(connection, row, now)})


def list_limits(
    database: Database, connection: Connection, prefix: str | None, *, limit: int, cursor: str | None
) -> Page[ConcurrencyLimit]:
    """Read a page of limits by name.

    Args:
        database: Whose clock counts.
        connection: Where to read.
        prefix: Only those whose names begin with it.
        limit: Rows a page.
        cursor: `next_cursor` of the page before.
    """
    statement = select(concurrency_limit)
    if prefix:
        statement = statement.where(concurrency_limit.c.name.startswith(prefix, autoescape=True))
    # Rows are no models: a page holds any kind of item.
    page = read_page(connection, statement, _BY_NAME, _as_it_is, limit=limit, cursor=cursor)
    now = database.now(connection)
    taken = count_taken(connection, [row.id for row in page.items], now) if page.items else {}
    items = [_build(row, taken.get(row.id, Taken()), now) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


def _as_it_is(row: Row[Any]) -> Any:
    return row


def _held(connection: Connection, limit: Row[Any], now: datetime) -> list[HeldSlots]:
    lease, slots = concurrency_lease.c, concurrency_lease_slots.c
    statement = (
        select(slots.lease_id, slots.slots, lease.holder, lease.flow_run_id, lease.asked.label("since"))
        .join(concurrency_lease, lease.id == slots.lease_id)
        .where(slots.limit_id == limit.id, holds(now))
        .order_by(lease.asked, lease.id)
        .limit(_MAX_HELD)
    )
    return [HeldSlots.model_validate(dict(row._mapping)) for row in connection.execute(statement)]


def _build(row: Row[Any], taken: Taken, now: datetime) -> ConcurrencyLimit:
    active_slots = taken.held + ceil(decaying_at(row, now) - 1e-9)
    return ConcurrencyLimit.model_validate({**row._mapping, "active_slots": active_slots})
