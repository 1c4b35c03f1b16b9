"""Work pools, and how agents hear of their work and claim it."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Page
from alisio.contract.work_pools import (
    DEFAULT_QUEUE,
    ClaimAnswer,
    ClaimRequest,
    WakeUpAnswer,
    WakeUpSource,
    WakeUpWait,
    WorkPool,
    WorkPoolCreate,
    WorkPoolPatch,
)
from alisio_server.access.rules import Access
from alisio_server.database.queries import work_pools as queries
from alisio_server.database.queries.work_queues import get_queue_ids
from alisio_server.orchestration import claims, wake_up_sources, work_pools
from alisio_server.orchestration.bundles import bundle_key
from alisio_server.routes.support import PageCursor, PageLimit, PathName, Resource, no_content
from alisio_server.routes.waiting import ask_to_wait

resource = Resource("Work pools")
_ONE = "/api/work-pools/<name>"


def _read(name: str) -> WorkPool:
    database = resource.services.database
    with database.read() as connection:
        return queries.get_work_pool(database, connection, name)


@resource.route("POST", "/api/work-pools", access=Access.ADMIN, status=201, errors=(409,))
def create_work_pool(pool: WorkPoolCreate) -> WorkPool:
    """Create a work pool, with a queue named `default`."""
    with resource.services.transaction() as tx:
        work_pools.create_work_pool(tx, pool)
    wake_up_sources.prepare_queues(resource.services, pool.name, [DEFAULT_QUEUE])
    return _read(pool.name)


@resource.route("GET", "/api/work-pools", access=Access.READ)
def list_work_pools(limit: PageLimit = 50, cursor: PageCursor = None) -> Page[WorkPool]:
    """List work pools by name."""
    database = resource.services.database
    with database.read() as connection:
        return queries.list_work_pools(database, connection, limit=limit, cursor=cursor)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_work_pool(name: PathName) -> WorkPool:
    """Read a work pool."""
    return _read(name)


@resource.route("PATCH", _ONE, access=Access.ADMIN, errors=(404,))
def change_work_pool(name: PathName, patch: WorkPoolPatch) -> WorkPool:
    """Change a work pool: pause it, resume it, set its limit."""
    with resource.services.transaction() as tx:
        work_pools.change_work_pool(tx, name, patch)
    return _read(name)


@resource.route("DELETE", _ONE, access=Access.ADMIN, status=204, errors=(404, 409))
def delete_work_pool(name: PathName) -> Response[None]:
    """Delete a work pool; its unclaimed runs are cancelled."""
    with resource.services.transaction() as tx:
        work_pools.delete_work_pool(tx, name)
    return no_content()


@resource.route("POST", f"{_ONE}/claims", access=Access.EXECUTE, errors=(404, 409))
def claim_runs(name: PathName, wanted: ClaimRequest) -> ClaimAnswer:
    """Claim runs that are due."""
    services = resource.services

    def bundle_url(sha256: str) -> str:
        return services.objects.download_url(bundle_key(sha256))

    with services.transaction() as tx:
        return claims.claim_runs(tx, name, wanted, bundle_url)


@resource.route("GET", f"{_ONE}/wake-ups", access=Access.EXECUTE, errors=(404,))
def get_wake_up_source(name: PathName) -> WakeUpSource:
    """Read how, and where, agents of the pool hear of work."""
    return wake_up_sources.find_source(resource.services, name)


@resource.route("POST", f"{_ONE}/wake-ups", access=Access.EXECUTE, errors=(404,))
def wait_for_wake_up(name: PathName, wait: WakeUpWait) -> Response[WakeUpAnswer]:
    """Wait until there may be work (a laptop's server waits; in the cloud, queues do)."""
    with resource.services.database.read() as connection:
        queue_ids = get_queue_ids(connection, name, wait.queues)
    return ask_to_wait(queue_ids, wait)
