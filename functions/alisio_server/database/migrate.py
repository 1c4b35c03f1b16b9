"""Bringing a database to the revision that this code works with, and taking it back.

Alembic takes a quarter of a second to import, so it is imported only where there is something to do: a database
that is up to date costs one SELECT.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.schema import CreateTable

from alisio_server.database.engine import Database
from alisio_server.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0011"
"""The newest revision in `migrations/versions`."""

_FOLDER = Path(__file__).with_name("migrations")
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def current_revision(database: Database) -> str | None:
    """Read which revision a database is at; None for one without tables.

    Raises:
        sqlalchemy.exc.OperationalError: The database cannot be reached.
    """
    with database.read() as connection:
        return _read_revision(connection) if inspect(connection).has_table(_version.name) else None


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring a database to a newer revision. Two processes may do it at once: the second one waits.

    Args:
        database: The database.
        revision: A revision, a number of steps such as `+1`, or `head`, which costs next to nothing where it is
            reached already.

    Raises:
        InvalidInputError: There is no such revision above the present one.
        ConflictError: The database was made by a newer release.
    """
    if revision == "head" and _is_at_head(database):
        return
    with _locked(database) as connection:
        _run(connection, "upgrade", revision)


def downgrade(database: Database, revision: str = "-1") -> None:
    """Take a database back to an older revision. What only newer ones can hold is lost.

    Args:
        database: The database.
        revision: A revision, a number of steps such as `-1`, or `base` for no tables at all.

    Raises:
        InvalidInputError: There is no such revision below the present one.
        ConflictError: The database was made by a newer release.
    """
    with _locked(database) as connection:
        _run(connection, "downgrade", revision)


def reset(database: Database) -> None:
    """Remove everything from a database, and make its tables anew, in one transaction."""
    with _locked(database) as connection:
        if _read_revision(connection) is not None:
            _run(connection, "downgrade", "base")
        _run(connection, "upgrade", "head")


def _is_at_head(database: Database) -> bool:
    try:
        with database.read() as connection:
            return _read_revision(connection) == HEAD
    except DatabaseError:
        # Most likely there is no such table yet; anything worse shows itself when the upgrade begins.
        return False


def _read_revision(connection: Connection) -> str | None:
    revision: str | None = connection.execute(select(_version.c.version_num)).scalar()
    return revision


@contextmanager
def _locked(database: Database) -> Iterator[Connection]:
    """Open the one transaction in which the schema may change.

    On SQLite the write lock keeps others out. On PostgreSQL it is a lock on Alembic's own table, which is made
    beforehand: advisory locks would pin a connection of RDS Proxy.
    """
    try:
        with database.write() as connection:
            connection.execute(CreateTable(_version, if_not_exists=True))
    except IntegrityError:
        # Another process made it between PostgreSQL's look and the making.
        pass
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("LOCK TABLE alembic_version IN EXCLUSIVE MODE"))
        yield connection


def _run(connection: Connection, verb: str, revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    config = _config(connection)
    before = _read_revision(connection)
    try:
        (command.upgrade if verb == "upgrade" else command.downgrade)(config, revision)
    except CommandError as error:
        if before is not None and not _is_known(config, before):
            raise ConflictError(
                f"the database is at revision {before}, which this release does not know: install a newer one",
                code="database_is_newer",
            ) from error
        raise InvalidInputError(f"cannot {verb} the database to {revision}: {error}", field="revision") from error


def _is_known(config: Config, revision: str) -> bool:
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
