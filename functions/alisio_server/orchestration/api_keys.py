"""API keys: making, checking and revoking them. Rows are never deleted, so a database that had one stays closed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from alisio.contract.access import KEY_PATTERN, ApiKeyCreate
from alisio.contract.ids import new_id
from alisio.contract.roles import Role
from alisio_server.database.access_tables import api_key
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.services import Transaction

_SECRET_BYTES = 32
_USE_NOTED_EVERY = timedelta(minutes=1)
_NO_HASH = "0" * 64
_ANY_KEY = select(api_key.c.id).limit(1)


@dataclass(frozen=True)
class KeyOwner:
    """Whose a good key is.

    Attributes:
        id: The key's.
        name: The key's.
        role: What it may do.
        use_is_news: Whether its last use was noted a minute ago or more.
    """

    id: UUID
    name: str
    role: Role
    use_is_news: bool


@dataclass(frozen=True)
class NewKey:
    """A key that was just made.

    Attributes:
        id: Its row.
        text: The key itself, which nobody can be told again.
    """

    id: UUID
    text: str

    def __repr__(self) -> str:
        return f"NewKey({self.id})"


def has_keys(connection: Connection) -> bool:
    """Tell whether a key was ever made: then every caller needs one."""
    return connection.execute(_ANY_KEY).first() is not None


def create_api_key(tx: Transaction, wanted: ApiKeyCreate, created_by: str) -> NewKey:
    """Make a key.

    Args:
        tx: The transaction.
        wanted: Its name, role and end.
        created_by: Who makes it.

    Raises:
        InvalidInputError: It is the first and not an admin's, or has expired already.
        ConflictError: A key of that name holds.
    """
    now = tx.now()
    if wanted.role is not Role.ADMIN and not has_keys(tx.connection):
        raise InvalidInputError(
            "the first API key must have the role admin, since from then on every caller needs one",
            code="first_key_not_admin",
            field="role",
        )
    if wanted.expires is not None and wanted.expires <= now:
        message = f"expires: {wanted.expires:%Y-%m-%d %H:%M} UTC is over"
        raise InvalidInputError(message, code="already_expired", field="expires")
    same = select(api_key.c.id).where(api_key.c.name == wanted.name, api_key.c.revoked.is_(None))
    if tx.connection.execute(same).first() is not None:
        raise ConflictError(
            f"an API key named {wanted.name!r} holds: revoke it first, or choose another name",
            code="api_key_exists",
            field="name",
        )
    key_id = new_id()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    values = {"id": key_id, "secret_hash": _hash(secret), "created": now, "created_by": created_by}
    tx.connection.execute(insert(api_key).values(**values, **wanted.model_dump()))
    return NewKey(key_id, f"alisio_{key_id.hex}_{secret}")


def revoke_api_key(tx: Transaction, key_id: UUID) -> None:
    """Revoke a key; one that is revoked stays as it is.

    Raises:
        NotFoundError: There is no such key.
    """
    found = tx.connection.execute(select(api_key.c.revoked).where(api_key.c.id == key_id)).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no API key {key_id}", code="api_key_not_found", field="key_id")
    unrevoked = (api_key.c.id == key_id) & api_key.c.revoked.is_(None)
    tx.connection.execute(update(api_key).where(unrevoked).values(revoked=tx.now()))


def verify_key(connection: Connection, text: str, now: datetime) -> KeyOwner | None:
    """Find out whose a key is.

    Args:
        connection: Where to look.
        text: What was sent as a key.
        now: The time by the database's clock.

    Returns:
        Its owner; None where it is none, or may not be used.
    """
    found = KEY_PATTERN.fullmatch(text)
    if found is None:
        return None
    row = connection.execute(select(api_key).where(api_key.c.id == UUID(hex=found[1]))).one_or_none()
    # Compared for a key that does not exist too, and in constant time, so that the time taken tells nothing.
    is_right = hmac.compare_digest(_hash(found[2]), row.secret_hash if row else _NO_HASH)
    if row is None or not is_right or row.revoked is not None:
        return None
    if row.expires is not None and row.expires <= now:
        return None
    is_news = row.last_used is None or row.last_used <= now - _USE_NOTED_EVERY
    return KeyOwner(row.id, row.name, Role(row.role), is_news)


def note_use(connection: Connection, key_id: UUID, now: datetime) -> None:
    """Note that a key was used now."""
    connection.execute(update(api_key).where(api_key.c.id == key_id).values(last_used=now))


def _hash(secret: str) -> str:
    # No salt and no slow hash: what is hashed are 256 random bits, which no list of passwords holds.
    return hashlib.sha256(secret.encode()).hexdigest()
