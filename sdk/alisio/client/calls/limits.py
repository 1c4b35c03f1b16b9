"""Calls about named limits, and the slots that are taken from them."""

from __future__ import annotations

from types import NoneType
from uuid import UUID

from alisio.client.calls.base import Call, page_query, path_of
from alisio.contract.base import Page
from alisio.contract.limits import (
    ConcurrencyLimit,
    ConcurrencyLimitCreate,
    ConcurrencyLimitPatch,
    LeaseAnswer,
    SlotAnswer,
    SlotRequest,
)


def create_limit(request: ConcurrencyLimitCreate) -> Call[ConcurrencyLimit]:
    """Create a named limit. Sent once: a second one would meet the first one's limit."""
    return Call("POST", "/concurrency-limits", ConcurrencyLimit, request, repeatable=False)


def list_limits(prefix: str | None, limit: int | None, cursor: str | None) -> Call[Page[ConcurrencyLimit]]:
    """List named limits by name."""
    query = page_query(limit, cursor) | ({} if prefix is None else {"prefix": prefix})
    return Call("GET", "/concurrency-limits", Page[ConcurrencyLimit], query=query)


def read_limit(name: str) -> Call[ConcurrencyLimit]:
    """Read a named limit, with those who hold slots of it."""
    return Call("GET", path_of("concurrency-limits", name), ConcurrencyLimit)


def change_limit(name: str, patch: ConcurrencyLimitPatch) -> Call[ConcurrencyLimit]:
    """Change the given fields of a named limit. Sent once where it gets another name."""
    path = path_of("concurrency-limits", name)
    return Call("PATCH", path, ConcurrencyLimit, patch, repeatable=patch.name in (None, name))


def delete_limit(name: str) -> Call[None]:
    """Delete a named limit."""
    return Call("DELETE", path_of("concurrency-limits", name), NoneType)


def reset_limit(name: str) -> Call[ConcurrencyLimit]:
    """Give all slots of a named limit back."""
    return Call("POST", path_of("concurrency-limits", name, "reset"), ConcurrencyLimit)


def take_slots(lease_id: UUID, request: SlotRequest) -> Call[SlotAnswer]:
    """Take slots of limits. The same lease takes them once, so it may be sent again."""
    return Call("PUT", path_of("concurrency-leases", lease_id), SlotAnswer, request)


def renew_lease(lease_id: UUID) -> Call[LeaseAnswer]:
    """Say that the holder of slots lives."""
    return Call("POST", path_of("concurrency-leases", lease_id, "renew"), LeaseAnswer)


def give_back(lease_id: UUID) -> Call[None]:
    """Give slots, or a place in the queue for them, back."""
    return Call("DELETE", path_of("concurrency-leases", lease_id), NoneType)
