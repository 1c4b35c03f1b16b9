"""What a deployment does to the database before the API's new version takes traffic."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, select, text

from alisio.contract.access import KEY_PATTERN, ApiKeyCreate
from alisio.contract.roles import Role
from alisio.contract.work_pools import WorkPoolCreate
from alisio_server.access.callers import Caller
from alisio_server.access.changes import Change, record_change
from alisio_server.adapters.aws.secrets import Secret
from alisio_server.database import migrate
from alisio_server.database.access_tables import api_key
from alisio_server.database.engine import Database
from alisio_server.database.tables import work_pool
from alisio_server.orchestration.api_keys import create_api_key, revoke_api_key
from alisio_server.orchestration.work_pools import create_work_pool
from alisio_server.services import Transaction

_CALLER = Caller("cdk deploy", Role.ADMIN)
# What `database/engine.py` asks of each session itself where no proxy forbids it.
_ROLE_DEFAULTS = ("lock_timeout = '10s'", "idle_in_transaction_session_timeout = '20s'")


def migrate_database(database: Database, *, is_proxied: bool) -> str:
    """Bring the database to this release's revision.

    Args:
        database: The database.
        is_proxied: Whether RDS Proxy stands before it, so that what sessions should be like is said of their role.

    Returns:
        The revision.

    Raises:
        AlisioServerError: It is of a newer release.
        sqlalchemy.exc.SQLAlchemyError: It cannot be reached, or a migration fails; nothing is changed then.
    """
    migrate.upgrade(database)
    if is_proxied:
        with database.write() as connection:
            for default in _ROLE_DEFAULTS:
                connection.execute(text(f"ALTER ROLE CURRENT_USER SET {default}"))
    return migrate.HEAD


def ensure_key(database: Database, secret: Secret, role: Role) -> bool:
    """Make the first key of a role, unless the secret holds one and the database knows of it.

    A key that an admin has revoked stays revoked. Where the secret has lost its key, or the database never heard of it,
    as a new or restored one, a new key takes the place of the one that a deployment made before.

    Args:
        database: Where keys are.
        secret: Where the key is to be found by those who may read it.
        role: The key's role. That of an admin comes first: no other may be the first key of all.

    Returns:
        Whether a key was made.

    Raises:
        OSError: The secret cannot be read or written; then there is no new key either.
    """
    held = KEY_PATTERN.fullmatch(secret.read())
    name = f"deploy-{role}"
    with database.write() as connection:
        if held is not None and _is_known(connection, UUID(hex=held[1])):
            return False
        tx = Transaction(connection, database)
        mine = api_key.select().where(api_key.c.name == name, api_key.c.revoked.is_(None))
        for row in connection.execute(mine).all():
            revoke_api_key(tx, row.id)
        key = create_api_key(tx, ApiKeyCreate(name=name, role=role), _CALLER.name)
        record_change(
            connection, Change(_CALLER, "create_api_key", f"/api/api-keys/{key.id}", ("name", "role")), tx.now()
        )
        # Before the commit: a key that nobody was told would be of no use.
        secret.write(key.text)
    return True


def ensure_pool(database: Database, name: str) -> bool:
    """Make the work pool that the stage's own agents serve, unless it is there.

    Args:
        database: Where pools are.
        name: The pool's.

    Returns:
        Whether it was made.
    """
    with database.write() as connection:
        if connection.execute(select(work_pool.c.id).where(work_pool.c.name == name)).first() is not None:
            return False
        tx = Transaction(connection, database)
        create_work_pool(tx, WorkPoolCreate(name=name))
        record_change(connection, Change(_CALLER, "create_work_pool", f"/api/work-pools/{name}", ("name",)), tx.now())
    return True


def _is_known(connection: Connection, key_id: UUID) -> bool:
    """Tell whether a key was made in this database, revoked or not."""
    return connection.execute(select(api_key.c.id).where(api_key.c.id == key_id)).first() is not None
