"""The work queues of a pool."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Page
from alisio.contract.work_pools import WorkQueue, WorkQueueCreate, WorkQueuePatch
from alisio_server.access.rules import Access
from alisio_server.database.queries import work_queues as queries
from alisio_server.orchestration import work_pools
from alisio_server.orchestration.wake_up_sources import prepare_queues
from alisio_server.routes.support import PageCursor, PageLimit, PathName, Resource, no_content

resource = Resource("Work queues")
_ALL = "/api/work-pools/<pool>/queues"
_ONE = f"{_ALL}/<queue>"


def _read(pool: str, queue: str) -> WorkQueue:
    database = resource.services.database
    with database.read() as connection:
        return queries.get_work_queue(database, connection, pool, queue)


@resource.route("POST", _ALL, access=Access.ADMIN, status=201, errors=(404, 409))
def create_work_queue(pool: PathName, wanted: WorkQueueCreate) -> WorkQueue:
    """Create a work queue."""
    with resource.services.transaction() as tx:
        work_pools.create_work_queue(tx, pool, wanted)
    prepare_queues(resource.services, pool, [wanted.name])
    return _read(pool, wanted.name)


@resource.route("GET", _ALL, access=Access.READ, errors=(404,))
def list_work_queues(pool: PathName, limit: PageLimit = 50, cursor: PageCursor = None) -> Page[WorkQueue]:
    """List a pool's queues in the order in which they are served."""
    database = resource.services.database
    with database.read() as connection:
        return queries.list_work_queues(database, connection, pool, limit=limit, cursor=cursor)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_work_queue(pool: PathName, queue: PathName) -> WorkQueue:
    """Read a work queue."""
    return _read(pool, queue)


@resource.route("PATCH", _ONE, access=Access.ADMIN, errors=(404,))
def change_work_queue(pool: PathName, queue: PathName, patch: WorkQueuePatch) -> WorkQueue:
    """Change a work queue: pause it, resume it, set its limit or priority."""
    with resource.services.transaction() as tx:
        work_pools.change_work_queue(tx, pool, queue, patch)
    return _read(pool, queue)


@resource.route("DELETE", _ONE, access=Access.ADMIN, status=204, errors=(404, 409))
def delete_work_queue(pool: PathName, queue: PathName) -> Response[None]:
    """Delete a work queue; its unclaimed runs are cancelled."""
    with resource.services.transaction() as tx:
        work_pools.delete_work_queue(tx, pool, queue)
    return no_content()
