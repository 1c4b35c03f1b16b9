"""Named limits of concurrency and rate, and the slots that are taken from them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from alisio.contract.base import Page
from alisio.contract.limits import (
    ConcurrencyLimit,
    ConcurrencyLimitCreate,
    ConcurrencyLimitPatch,
    LeaseAnswer,
    SlotAnswer,
    SlotRequest,
)
from alisio_server.access.rules import Access
from alisio_server.database.queries import concurrency_limits as queries
from alisio_server.orchestration import named_limits, slot_leases
from alisio_server.routes.support import PageCursor, PageLimit, PathName, Resource, no_content

resource = Resource("Concurrency limits")
_ALL = "/api/concurrency-limits"
_ONE = f"{_ALL}/<name>"
_LEASE = "/api/concurrency-leases/<lease_id>"

NamePrefix = Annotated[str | None, Query(max_length=200, description="What the names begin with.")]


def _read(name: str) -> ConcurrencyLimit:
    database = resource.services.database
    with database.read() as connection:
        return queries.get_limit(database, connection, name)


@resource.route("POST", _ALL, access=Access.ADMIN, status=201, errors=(409,))
def create_concurrency_limit(wanted: ConcurrencyLimitCreate) -> ConcurrencyLimit:
    """Create a named limit."""
    with resource.services.transaction() as tx:
        named_limits.create_limit(tx, wanted)
    return _read(wanted.name)


@resource.route("GET", _ALL, access=Access.READ)
def list_concurrency_limits(
    prefix: NamePrefix = None, limit: PageLimit = 50, cursor: PageCursor = None
) -> Page[ConcurrencyLimit]:
    """List named limits by name."""
    database = resource.services.database
    with database.read() as connection:
        return queries.list_limits(database, connection, prefix, limit=limit, cursor=cursor)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_concurrency_limit(name: PathName) -> ConcurrencyLimit:
    """Read a named limit, with those who hold slots of it."""
    return _read(name)


@resource.route("PATCH", _ONE, access=Access.ADMIN, errors=(404, 409))
def change_concurrency_limit(name: PathName, patch: ConcurrencyLimitPatch) -> ConcurrencyLimit:
    """Change a named limit: its slots, its decay, whether it holds, its name."""
    with resource.services.transaction() as tx:
        named_limits.change_limit(tx, name, patch)
    return _read(patch.name or name)


@resource.route("DELETE", _ONE, access=Access.ADMIN, status=204, errors=(404,))
def delete_concurrency_limit(name: PathName) -> Response[None]:
    """Delete a named limit; nobody waits for it any more."""
    with resource.services.transaction() as tx:
        named_limits.delete_limit(tx, name)
    return no_content()


@resource.route("POST", f"{_ONE}/reset", access=Access.ADMIN, errors=(404,))
def reset_concurrency_limit(name: PathName) -> ConcurrencyLimit:
    """Give all slots of a named limit back, though their holders go on."""
    with resource.services.transaction() as tx:
        named_limits.reset_limit(tx, name)
    return _read(name)


@resource.route("PUT", _LEASE, access=Access.REPORT, errors=(404, 409))
def take_concurrency_slots(lease_id: UUID, wanted: SlotRequest) -> SlotAnswer:
    """Take slots of several limits, all or none; or keep a place in the queue for them."""
    with resource.services.transaction() as tx:
        return slot_leases.acquire_slots(tx, lease_id, wanted)


@resource.route("POST", f"{_LEASE}/renew", access=Access.REPORT, errors=(409,))
def renew_concurrency_lease(lease_id: UUID) -> LeaseAnswer:
    """Say that the holder of slots lives."""
    with resource.services.transaction() as tx:
        return LeaseAnswer(lease_seconds=slot_leases.renew_lease(tx, lease_id))


@resource.route("DELETE", _LEASE, access=Access.REPORT, status=204)
def give_concurrency_slots_back(lease_id: UUID) -> Response[None]:
    """Give slots back, or a place in the queue up."""
    with resource.services.transaction() as tx:
        slot_leases.give_back(tx, lease_id)
    return no_content()
