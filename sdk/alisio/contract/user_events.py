"""Events that user code emits: something happened to a resource."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, JsonObject, PageRequest, Request, Timestamp
from alisio.contract.news import EventNews

MAX_EVENTS = 500
"""How many events one request may bring."""


class EventsCreate(Request):
    """Body of `POST /api/events`. Those that are there already are left as they are."""

    events: Annotated[list[EventNews], Field(min_length=1, max_length=MAX_EVENTS)]


class EventsCreated(Answer):
    """How many of the events were new."""

    created: int


class EventRecord(Answer):
    """An event as it is stored. `received` is by the server's clock."""

    id: UUID
    event: str
    occurred: Timestamp
    received: Timestamp
    resource: dict[str, str]
    related: list[dict[str, str]] = Field(default_factory=list)
    payload: JsonObject = Field(default_factory=dict)
    follows: UUID | None = None
    flow_run_id: UUID | None = None


class EventSort(StrEnum):
    """Orders of events, by when they occurred; ties are broken by id."""

    OCCURRED_DESC = "occurred_desc"
    OCCURRED_ASC = "occurred_asc"


class EventFilter(Request):
    """Which events. Fields narrow each other; a list means "any of these".

    Attributes:
        event_prefix: Those whose name begins so.
        flow_run_ids: Those that these runs, or tasks of theirs, have emitted.
    """

    ids: list[UUID] | None = Field(default=None, max_length=200)
    events: list[str] | None = Field(default=None, max_length=200)
    event_prefix: str | None = Field(default=None, max_length=500)
    resource_ids: list[str] | None = Field(default=None, max_length=200)
    flow_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    occurred_after: Timestamp | None = None
    occurred_before: Timestamp | None = None


class EventQuery(PageRequest):
    """Body of `POST /api/events/filter`."""

    filter: EventFilter = Field(default_factory=EventFilter)
    sort: EventSort = EventSort.OCCURRED_DESC
