"""Work pools and work queues: making, changing and removing them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, insert, literal, select, update

from alisio.contract.ids import new_id
from alisio.contract.work_pools import (
    DEFAULT_QUEUE,
    WorkPoolCreate,
    WorkPoolPatch,
    WorkQueueCreate,
    WorkQueuePatch,
)
from alisio_server.database.tables import deleted_work_queue, flow_run, work_pool, work_queue
from alisio_server.database.types import Instant
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.limits import wake_waiting
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.unclaimed import cancel_waiting
from alisio_server.services import Transaction


def find_pool(tx: Transaction, name: str) -> Row[Any]:
    """Read a work pool by its name.

    Raises:
        NotFoundError: There is none by that name.
    """
    found = tx.connection.execute(select(work_pool).where(work_pool.c.name == name)).one_or_none()
    if found is None:
        message = f"there is no work pool {name!r}: create it with `alisio work-pool create {name}`"
        raise NotFoundError(message, code="work_pool_not_found", field="work_pool_name")
    return found


def find_queue(tx: Transaction, pool_name: str, name: str) -> Row[Any]:
    """Read a work queue by the names of its pool and its own.

    Raises:
        NotFoundError: There is no such pool, or no such queue in it.
    """
    pool = find_pool(tx, pool_name)
    of_name = select(work_queue).where(work_queue.c.work_pool_id == pool.id, work_queue.c.name == name)
    found = tx.connection.execute(of_name).one_or_none()
    if found is None:
        raise no_such_queue(pool_name, name, field="work_queue_name")
    return found


def no_such_queue(pool_name: str, name: str, *, field: str) -> NotFoundError:
    """Make the error for a queue that its pool lacks; `field` is where the request names it."""
    create = f"`alisio work-queue create {name} -p {pool_name}`"
    message = f"work pool {pool_name!r} has no queue {name!r}: create it with {create}"
    return NotFoundError(message, code="work_queue_not_found", field=field)


def create_work_pool(tx: Transaction, wanted: WorkPoolCreate) -> UUID:
    """Make a work pool with its queue `default`.

    Args:
        tx: The transaction.
        wanted: What the pool is to be.

    Returns:
        Its id.

    Raises:
        ConflictError: `work_pool_exists`.
    """
    pool_id, now = new_id(), tx.now()
    values = wanted.model_dump() | {"id": pool_id, "created": now}
    made = tx.connection.execute(insert_into(tx, work_pool).values(values).on_conflict_do_nothing())
    if made.rowcount == 0:
        message = f"there is a work pool {wanted.name!r} already"
        raise ConflictError(message, code="work_pool_exists", field="name")
    queue = {"id": new_id(), "work_pool_id": pool_id, "name": DEFAULT_QUEUE, "created": now}
    tx.connection.execute(insert(work_queue).values(queue))
    return pool_id


def change_work_pool(tx: Transaction, name: str, patch: WorkPoolPatch) -> None:
    """Change the given fields of a work pool, and wake its waiting runs if they may start now.

    Args:
        tx: The transaction.
        name: The pool.
        patch: The fields that change.

    Raises:
        NotFoundError: There is no such pool.
        InvalidInputError: A field that cannot be empty is null.
    """
    pool = find_pool(tx, name)
    changes = _changes(patch, never_null=("paused", "job_variables"))
    if not changes:
        return
    tx.connection.execute(update(work_pool).where(work_pool.c.id == pool.id).values(changes))
    if _opens(pool, changes):
        wake_waiting(tx, work_queue.c.work_pool_id == pool.id, tx.now())


def delete_work_pool(tx: Transaction, name: str) -> None:
    """Remove a work pool with its queues; its runs that wait are CANCELLED, its deployments stay without one.

    Args:
        tx: The transaction.
        name: The pool.

    Raises:
        NotFoundError: There is no such pool.
        ConflictError: `work_pool_in_use`: runs are claimed or running on it.
    """
    pool = find_pool(tx, name)
    of_pool = select(work_queue.c.id).where(work_queue.c.work_pool_id == pool.id)
    _empty(tx, flow_run.c.work_queue_id.in_(of_pool), f"work pool {name!r}", "work_pool_in_use")
    _note_deleted(tx, work_queue.c.work_pool_id == pool.id)
    tx.connection.execute(delete(work_pool).where(work_pool.c.id == pool.id))


def create_work_queue(tx: Transaction, pool_name: str, wanted: WorkQueueCreate) -> UUID:
    """Make a work queue in a pool.

    Args:
        tx: The transaction.
        pool_name: The pool.
        wanted: What the queue is to be.

    Returns:
        Its id.

    Raises:
        NotFoundError: There is no such pool.
        ConflictError: `work_queue_exists`.
    """
    pool = find_pool(tx, pool_name)
    queue_id = new_id()
    values = wanted.model_dump() | {"id": queue_id, "work_pool_id": pool.id, "created": tx.now()}
    made = tx.connection.execute(insert_into(tx, work_queue).values(values).on_conflict_do_nothing())
    if made.rowcount == 0:
        message = f"work pool {pool_name!r} has a queue {wanted.name!r} already"
        raise ConflictError(message, code="work_queue_exists", field="name")
    return queue_id


def change_work_queue(tx: Transaction, pool_name: str, name: str, patch: WorkQueuePatch) -> None:
    """Change the given fields of a work queue, and wake its waiting runs if they may start now.

    Args:
        tx: The transaction.
        pool_name: The pool.
        name: The queue.
        patch: The fields that change.

    Raises:
        NotFoundError: There is no such pool or queue.
        InvalidInputError: A field that cannot be empty is null.
    """
    queue = find_queue(tx, pool_name, name)
    changes = _changes(patch, never_null=("paused", "priority"))
    if not changes:
        return
    tx.connection.execute(update(work_queue).where(work_queue.c.id == queue.id).values(changes))
    if _opens(queue, changes):
        wake_waiting(tx, work_queue.c.id == queue.id, tx.now())


def delete_work_queue(tx: Transaction, pool_name: str, name: str) -> None:
    """Remove a work queue; its runs that wait are CANCELLED, its deployments stay without one.

    Args:
        tx: The transaction.
        pool_name: The pool.
        name: The queue.

    Raises:
        NotFoundError: There is no such pool or queue.
        ConflictError: It is the default queue, or runs are claimed or running on it.
    """
    queue = find_queue(tx, pool_name, name)
    if name == DEFAULT_QUEUE:
        message = f"the queue {DEFAULT_QUEUE!r} stays as long as its pool: pause it, or delete the pool"
        raise ConflictError(message, code="default_work_queue")
    what = f"queue {name!r} of work pool {pool_name!r}"
    _empty(tx, flow_run.c.work_queue_id == queue.id, what, "work_queue_in_use")
    _note_deleted(tx, work_queue.c.id == queue.id)
    tx.connection.execute(delete(work_queue).where(work_queue.c.id == queue.id))


def _note_deleted(tx: Transaction, queues: ColumnElement[bool]) -> None:
    """Have the tick remove what the bell keeps for queues: it may be away at this moment."""
    rows = select(work_queue.c.id, literal(tx.now(), Instant())).where(queues)
    tx.connection.execute(insert(deleted_work_queue).from_select(["id", "deleted"], rows))


def _changes(patch: WorkPoolPatch | WorkQueuePatch, never_null: tuple[str, ...]) -> dict[str, Any]:
    changes = patch.model_dump(exclude_unset=True)
    for field in never_null:
        if field in changes and changes[field] is None:
            raise InvalidInputError(f"{field} cannot be null", field=field)
    return changes


def _opens(before: Row[Any], changes: dict[str, Any]) -> bool:
    """Tell whether runs may start that could not before: it is unpaused, or its limit is raised."""
    unpaused = before.paused and changes.get("paused") is False
    old, new = before.concurrency_limit, changes.get("concurrency_limit", before.concurrency_limit)
    raised = old is not None and (new is None or new > old)
    return unpaused or raised


def _empty(tx: Transaction, runs: ColumnElement[bool], what: str, code: str) -> None:
    """Cancel the waiting runs of what is to be removed; refuse if any is claimed or running."""
    leased = select(flow_run.c.id).where(runs, flow_run.c.lease_until.is_not(None)).limit(1)
    if tx.connection.execute(leased).first() is not None:
        raise ConflictError(f"{what} has runs that are claimed or running: cancel them or wait", code=code)
    cancel_waiting(tx, runs, message=f"Cancelled: {what} was deleted.")
