"""Where agents hear of work, and what becomes of that when a work queue is deleted."""

from __future__ import annotations

from sqlalchemy import delete, select

from alisio.contract.work_pools import WakeUpKind, WakeUpQueue, WakeUpSource
from alisio_server.database.queries.work_queues import get_queue_names
from alisio_server.database.tables import deleted_work_queue
from alisio_server.errors import UnavailableError
from alisio_server.services import Services

_BATCH = 100


def find_source(services: Services, pool: str) -> WakeUpSource:
    """Tell how the agents of a pool hear of work, and make the queues that are missing for that.

    Args:
        services: The database and the ports.
        pool: The work pool's name.

    Raises:
        NotFoundError: There is no such pool.
        UnavailableError: The queues cannot be reached.
    """
    with services.database.read() as connection:
        names = get_queue_names(connection, pool)
    if services.queues is None:
        return WakeUpSource(kind=WakeUpKind.LONG_POLL, queues=[])
    try:
        addresses = services.queues.addresses(names)
    except OSError as error:
        raise UnavailableError(f"the queues of wake-ups cannot be reached: {error}", code="wake_ups_away") from error
    queues = [
        WakeUpQueue(work_queue_name=names[queue_id], url=address.url, region=address.region)
        for queue_id, address in addresses.items()
    ]
    return WakeUpSource(kind=WakeUpKind.SQS, queues=queues)


def forget_deleted_queues(services: Services) -> None:
    """Remove what the bell keeps for work queues that were deleted.

    Where agents ask by long polls nothing is kept; what is noted then waits for a server with queues.

    Args:
        services: The database and the ports.

    Raises:
        OSError: The queues cannot be reached; the next tick tries again.
    """
    if services.queues is None:
        return
    with services.database.read() as connection:
        oldest = select(deleted_work_queue.c.id).order_by(deleted_work_queue.c.deleted).limit(_BATCH)
        queue_ids = list(connection.execute(oldest).scalars())
    if not queue_ids:
        return
    services.queues.forget(queue_ids)
    with services.transaction() as tx:
        tx.connection.execute(delete(deleted_work_queue).where(deleted_work_queue.c.id.in_(queue_ids)))
