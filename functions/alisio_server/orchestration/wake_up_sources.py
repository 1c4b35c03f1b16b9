"""Where agents hear of work, and what becomes of that when a work queue is deleted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, select

from alisio.contract.work_pools import QueueCredentials, WakeUpKind, WakeUpQueue, WakeUpSource
from alisio_server.database.queries.work_queues import get_queue_ids, get_queue_names
from alisio_server.database.tables import deleted_work_queue
from alisio_server.errors import UnavailableError
from alisio_server.ports import LentCredentials
from alisio_server.repeats import Repeats
from alisio_server.services import Services

_BATCH = 100
_log = logging.getLogger(__name__)
_failures = Repeats()


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
        lent = services.queues.lend(names)
    except OSError as error:
        raise UnavailableError(f"the queues of wake-ups cannot be reached: {error}", code="wake_ups_away") from error
    queues = [
        WakeUpQueue(
            work_queue_name=names[queue_id],
            url=address.url,
            region=address.region,
            credentials=_credentials(lent.get(queue_id)),
        )
        for queue_id, address in addresses.items()
    ]
    return WakeUpSource(kind=WakeUpKind.SQS, queues=queues)


def _credentials(lent: LentCredentials | None) -> QueueCredentials | None:
    return None if lent is None else QueueCredentials.model_validate(asdict(lent))


def prepare_queues(services: Services, pool: str, names: Sequence[str]) -> None:
    """Make what agents will listen to for work queues that were just made.

    It raises nothing: the first agent that asks, or the first wake-up, makes what is missing.

    Args:
        services: The database and the ports.
        pool: The work pool's name.
        names: The names of the work queues.
    """
    if services.queues is None:
        return
    with services.database.read() as connection:
        queue_ids = get_queue_ids(connection, pool, names)
    try:
        services.queues.addresses(queue_ids)
    except OSError as error:
        if _failures.is_news(type(error).__name__):
            _log.warning("the queue of a new work queue could not be made yet: %s", error)


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
