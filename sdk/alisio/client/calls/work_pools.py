"""Calls about work pools, work queues and agents, and the server's own health."""

from __future__ import annotations

from types import NoneType
from uuid import UUID

from alisio.client.calls.base import Call, page_query, path_of
from alisio.contract.base import Page
from alisio.contract.health import Health, Version
from alisio.contract.work_pools import (
    Agent,
    AgentBeat,
    BeatAnswer,
    ClaimAnswer,
    ClaimRequest,
    WakeUpAnswer,
    WakeUpSource,
    WakeUpWait,
    WorkPool,
    WorkPoolCreate,
    WorkPoolPatch,
    WorkQueue,
    WorkQueueCreate,
    WorkQueuePatch,
)

_LONG_POLL_MARGIN_SECONDS = 15.0


def read_health() -> Call[Health]:
    """Ask the server how it is."""
    return Call("GET", "/health", Health)


def read_version() -> Call[Version]:
    """Ask which version the server is of."""
    return Call("GET", "/version", Version)


def create_work_pool(request: WorkPoolCreate) -> Call[WorkPool]:
    """Create a work pool. Sent once: a second one would meet the first one's pool."""
    return Call("POST", "/work-pools", WorkPool, request, repeatable=False)


def list_work_pools(limit: int | None, cursor: str | None) -> Call[Page[WorkPool]]:
    """List work pools by name."""
    return Call("GET", "/work-pools", Page[WorkPool], query=page_query(limit, cursor))


def read_work_pool(name: str) -> Call[WorkPool]:
    """Read a work pool."""
    return Call("GET", path_of("work-pools", name), WorkPool)


def change_work_pool(name: str, patch: WorkPoolPatch) -> Call[WorkPool]:
    """Change the given fields of a work pool."""
    return Call("PATCH", path_of("work-pools", name), WorkPool, patch)


def delete_work_pool(name: str) -> Call[None]:
    """Delete a work pool and its queues."""
    return Call("DELETE", path_of("work-pools", name), NoneType)


def create_work_queue(pool: str, request: WorkQueueCreate) -> Call[WorkQueue]:
    """Create a work queue. Sent once: a second one would meet the first one's queue."""
    return Call("POST", path_of("work-pools", pool, "queues"), WorkQueue, request, repeatable=False)


def list_work_queues(pool: str, limit: int | None, cursor: str | None) -> Call[Page[WorkQueue]]:
    """List the work queues of a pool."""
    return Call("GET", path_of("work-pools", pool, "queues"), Page[WorkQueue], query=page_query(limit, cursor))


def read_work_queue(pool: str, name: str) -> Call[WorkQueue]:
    """Read a work queue."""
    return Call("GET", path_of("work-pools", pool, "queues", name), WorkQueue)


def change_work_queue(pool: str, name: str, patch: WorkQueuePatch) -> Call[WorkQueue]:
    """Change the given fields of a work queue."""
    return Call("PATCH", path_of("work-pools", pool, "queues", name), WorkQueue, patch)


def delete_work_queue(pool: str, name: str) -> Call[None]:
    """Delete a work queue."""
    return Call("DELETE", path_of("work-pools", pool, "queues", name), NoneType)


def claim(pool: str, request: ClaimRequest) -> Call[ClaimAnswer]:
    """Take due runs. The same `claim_id` gives the same jobs, so it may be sent again."""
    return Call("POST", path_of("work-pools", pool, "claims"), ClaimAnswer, request)


def read_wake_up_source(pool: str) -> Call[WakeUpSource]:
    """Ask how agents of the pool hear of work."""
    return Call("GET", path_of("work-pools", pool, "wake-ups"), WakeUpSource)


def wait_for_wake_up(pool: str, request: WakeUpWait) -> Call[WakeUpAnswer]:
    """Wait until a queue of the pool rings, or the request's time is over."""
    patience = request.timeout_seconds + _LONG_POLL_MARGIN_SECONDS
    return Call("POST", path_of("work-pools", pool, "wake-ups"), WakeUpAnswer, request, timeout_seconds=patience)


def beat(agent_id: UUID, request: AgentBeat) -> Call[BeatAnswer]:
    """Tell that an agent lives, and renew what it holds."""
    return Call("PUT", path_of("agents", agent_id), BeatAnswer, request)


def list_agents(pool: str | None, limit: int | None, cursor: str | None) -> Call[Page[Agent]]:
    """List agents, of one pool or of all."""
    query = page_query(limit, cursor)
    if pool is not None:
        query["work_pool_name"] = pool
    return Call("GET", "/agents", Page[Agent], query=query)
