"""Named limits: making, changing and removing them, and giving all their slots back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update

from alisio.contract.ids import new_id
from alisio.contract.limits import ConcurrencyLimitCreate, ConcurrencyLimitPatch
from alisio.contract.tag_limits import MAX_TAG_LIMITS, TAG_PREFIX
from alisio_server.database.limit_tables import concurrency_lease_slots, concurrency_limit
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.limited_tags import forget_limited_tags
from alisio_server.orchestration.slot_counts import decaying_at
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction


def no_such_limit(name: str) -> NotFoundError:
    """Make the error for a limit that is not there."""
    create = f"`alisio gcl create {name} --limit N`"
    if name.startswith(TAG_PREFIX):
        create = f"`alisio concurrency-limit create {name.removeprefix(TAG_PREFIX)} N`"
    message = f"there is no concurrency limit {name!r}: create it with {create}"
    return NotFoundError(message, code="concurrency_limit_not_found", field="name")


def create_limit(tx: Transaction, wanted: ConcurrencyLimitCreate) -> UUID:
    """Make a named limit.

    Args:
        tx: The transaction.
        wanted: What it is to be.

    Returns:
        Its id.

    Raises:
        ConflictError: `concurrency_limit_exists`; `too_many_tag_limits`: 500 tags have a limit already.
    """
    _check_room(tx, wanted.name)
    now = tx.now()
    values = wanted.model_dump() | {"id": new_id(), "decayed_at": now, "created": now, "updated": now}
    made = tx.connection.execute(insert_into(tx, concurrency_limit).values(values).on_conflict_do_nothing())
    if made.rowcount == 0:
        raise _exists(wanted.name)
    forget_limited_tags(tx.database)
    limit_id: UUID = values["id"]
    return limit_id


def change_limit(tx: Transaction, name: str, patch: ConcurrencyLimitPatch) -> UUID:
    """Change the given fields of a limit. A lower limit takes no slots away; it holds for those to come.

    Args:
        tx: The transaction.
        name: The limit.
        patch: The fields that change.

    Returns:
        Its id.

    Raises:
        NotFoundError: There is no such limit.
        ConflictError: `concurrency_limit_exists`: there is another one of its new name. `too_many_tag_limits`: its new
            name is that of a tag's, and 500 tags have a limit already.
        InvalidInputError: A field is null.
    """
    row = _lock(tx, name)
    changes = patch.model_dump(exclude_unset=True)
    for field, value in changes.items():
        if value is None:
            raise InvalidInputError(f"{field} cannot be null", field=field)
    if changes.get("name", name) != name and _find(tx, changes["name"]) is not None:
        raise _exists(changes["name"])
    if not name.startswith(TAG_PREFIX):
        _check_room(tx, changes.get("name", name))
    now = tx.now()
    # What has come back by now came at the old rate.
    counted = {"decaying": decaying_at(row, now), "decayed_at": now}
    if changes.get("slot_decay_per_second") == 0:
        counted["decaying"] = 0.0
    _update(tx, row.id, changes | counted | {"updated": now})
    limit_id: UUID = row.id
    return limit_id


def _check_room(tx: Transaction, name: str) -> None:
    if not name.startswith(TAG_PREFIX):
        return
    others = (concurrency_limit.c.name.startswith(TAG_PREFIX), concurrency_limit.c.name != name)
    if tx.connection.execute(select(func.count()).where(*others)).scalar_one() >= MAX_TAG_LIMITS:
        message = f"{MAX_TAG_LIMITS} tags have a limit already, and every run is told of each: delete one first"
        raise ConflictError(message, code="too_many_tag_limits", field="name")


def delete_limit(tx: Transaction, name: str) -> None:
    """Remove a limit, with its slots: nobody waits for it any more.

    Raises:
        NotFoundError: There is no such limit.
    """
    tx.connection.execute(delete(concurrency_limit).where(concurrency_limit.c.id == _lock(tx, name).id))
    forget_limited_tags(tx.database)


def reset_limit(tx: Transaction, name: str) -> None:
    """Give all slots of a limit back, though their holders go on.

    Raises:
        NotFoundError: There is no such limit.
    """
    row = _lock(tx, name)
    tx.connection.execute(delete(concurrency_lease_slots).where(concurrency_lease_slots.c.limit_id == row.id))
    now = tx.now()
    _update(tx, row.id, {"decaying": 0.0, "decayed_at": now, "updated": now})


def _find(tx: Transaction, name: str) -> Row[Any] | None:
    return tx.connection.execute(select(concurrency_limit).where(concurrency_limit.c.name == name)).one_or_none()


def _lock(tx: Transaction, name: str) -> Row[Any]:
    of_name = select(concurrency_limit).where(concurrency_limit.c.name == name).with_for_update()
    row = tx.connection.execute(of_name).one_or_none()
    if row is None:
        raise no_such_limit(name)
    return row


def _update(tx: Transaction, limit_id: UUID, changes: dict[str, Any]) -> None:
    tx.connection.execute(update(concurrency_limit).where(concurrency_limit.c.id == limit_id).values(changes))
    forget_limited_tags(tx.database)


def _exists(name: str) -> ConflictError:
    return ConflictError(
        f"there is a concurrency limit {name!r} already", code="concurrency_limit_exists", field="name"
    )
