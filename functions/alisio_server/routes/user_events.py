"""Events that user code emits."""

from __future__ import annotations

from uuid import UUID

from alisio.contract.base import Count, Page
from alisio.contract.user_events import EventFilter, EventQuery, EventRecord, EventsCreate, EventsCreated
from alisio_server.access.rules import Access
from alisio_server.database.queries import user_events as queries
from alisio_server.orchestration.user_events import store_events
from alisio_server.routes.support import Resource

resource = Resource("Events")


@resource.route("POST", "/api/events", access=Access.REPORT)
def create_events(wanted: EventsCreate) -> EventsCreated:
    """Take events that were emitted outside of runs; those of runs come with their reports."""
    with resource.services.transaction() as tx:
        return EventsCreated(created=store_events(tx, wanted.events, tx.now()))


@resource.route("POST", "/api/events/filter", access=Access.READ)
def filter_events(query: EventQuery) -> Page[EventRecord]:
    """List events."""
    with resource.services.database.read() as connection:
        return queries.filter_events(connection, query)


@resource.route("POST", "/api/events/count", access=Access.READ)
def count_events(wanted: EventFilter) -> Count:
    """Count events, exactly up to 10,000."""
    with resource.services.database.read() as connection:
        return queries.count_events(connection, wanted)


@resource.route("GET", "/api/events/<event_id>", access=Access.READ, errors=(404,))
def get_event(event_id: UUID) -> EventRecord:
    """Read an event."""
    with resource.services.database.read() as connection:
        return queries.get_event(connection, event_id)
