"""Reading the events that user code has emitted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select

from alisio.contract.base import Count, Page
from alisio.contract.user_events import EventFilter, EventQuery, EventRecord, EventSort
from alisio_server.database.around_tables import event
from alisio_server.database.queries.conditions import any_of
from alisio_server.database.queries.paging import Order, count_rows, read_page
from alisio_server.errors import NotFoundError

_ORDERS = {
    EventSort.OCCURRED_DESC: Order("events.occurred_desc", (event.c.occurred, event.c.id), descending=True),
    EventSort.OCCURRED_ASC: Order("events.occurred_asc", (event.c.occurred, event.c.id)),
}


def get_event(connection: Connection, event_id: UUID) -> EventRecord:
    """Read an event.

    Raises:
        NotFoundError: There is none such, or it is kept no longer.
    """
    row = connection.execute(select(event).where(event.c.id == event_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no event {event_id}", code="event_not_found", field="event_id")
    return _build(row)


def filter_events(connection: Connection, query: EventQuery) -> Page[EventRecord]:
    """Read a page of events."""
    statement = select(event).where(*_conditions(query.filter))
    return read_page(connection, statement, _ORDERS[query.sort], _build, limit=query.limit, cursor=query.cursor)


def count_events(connection: Connection, wanted: EventFilter) -> Count:
    """Count events, exactly up to 10,000."""
    return count_rows(connection, select(event.c.id).where(*_conditions(wanted)))


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    columns = event.c
    conditions = [
        *any_of(columns.id, wanted.ids),
        *any_of(columns.event, wanted.events),
        *any_of(columns.resource_id, wanted.resource_ids),
        *any_of(columns.flow_run_id, wanted.flow_run_ids),
    ]
    if wanted.event_prefix is not None:
        conditions.append(func.substr(columns.event, 1, len(wanted.event_prefix)) == wanted.event_prefix)
    if wanted.occurred_after is not None:
        conditions.append(columns.occurred >= wanted.occurred_after)
    if wanted.occurred_before is not None:
        conditions.append(columns.occurred < wanted.occurred_before)
    return conditions


def _build(row: Row[Any]) -> EventRecord:
    return EventRecord.model_validate(dict(row._mapping))
