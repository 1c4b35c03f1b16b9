"""Opening the database: addresses, transactions that lock as they should, and its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from json import JSONEncoder
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, create_engine, event, func, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from alisio_server.errors import InvalidInputError

_WRITE = "alisio_write"
_LAST_USE = "alisio_last_use"
_TRUSTED_SECONDS = 1.0
POOL_SIZE = 5
"""How many connections to PostgreSQL a process keeps where nothing else is said."""

# A server that cannot be reached is noticed within half a minute, connecting or in the midst of things. One that
# holds a lock and is stopped, or waits for such a lock, gives up: others must not wait for it.
# https://www.postgresql.org/docs/current/libpq-connect.html and runtime-config-client.html
_POSTGRES_CONNECTION = {
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "alisio",
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=20s",
}
_COMPACT = JSONEncoder(separators=(",", ":"))
_SYNC_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
}


def normalise_url(url: str) -> URL:
    """Read a database address, and map the names of async drivers to ours.

    Args:
        url: Such as `sqlite:///~/.alisio/alisio.db` or `postgresql+asyncpg://user:password@host:5432/name`.

    Returns:
        The address for a synchronous driver, with `~` expanded.

    Raises:
        InvalidInputError: The address cannot be read, or names another kind of database.
    """
    try:
        parsed = make_url(url)
    except Exception:
        # What SQLAlchemy says may quote a part of a password.
        raise InvalidInputError(
            "the database address cannot be read: write it as postgresql://USER:PASSWORD@HOST:PORT/NAME or "
            "sqlite:///PATH, with @, : and / of a password as %40, %3A and %2F; see ALISIO_API_DATABASE_CONNECTION_URL"
        ) from None
    kind = parsed.drivername.partition("+")[0]
    if kind not in _SYNC_DRIVERS:
        raise InvalidInputError(
            f"databases are SQLite or PostgreSQL, not {kind!r}; see ALISIO_API_DATABASE_CONNECTION_URL"
        )
    if kind == "sqlite":
        name = parsed.database
        if not name or name == ":memory:":
            raise InvalidInputError("SQLite needs a file, as several processes share it: write sqlite:///PATH")
        return parsed.set(drivername=_SYNC_DRIVERS[kind], database=str(Path(name).expanduser()))
    return parsed.set(drivername=_SYNC_DRIVERS[kind])


def is_postgresql(url: str) -> bool:
    """Tell which of the two kinds of database an address names.

    Raises:
        InvalidInputError: It cannot be read, or names neither.
    """
    return normalise_url(url).drivername.startswith("postgresql")


class Database:
    """An engine, and the two ways to use it: reading, and writing.

    Args:
        url: As `normalise_url` reads it.
        pool_size: How many connections to PostgreSQL are kept and used at once.

    Attributes:
        engine: The SQLAlchemy engine; made lazily connected, so nothing is opened at import.
        is_sqlite: Which of the two dialects it speaks.
    """

    def __init__(self, url: str, pool_size: int = POOL_SIZE) -> None:
        self.url = normalise_url(url)
        self.is_sqlite = self.url.drivername.startswith("sqlite")
        if self.is_sqlite and self.url.database is not None:
            # Parameters, logs and results are nobody else's; a folder that is there already keeps its mode.
            Path(self.url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = {} if self.is_sqlite else _postgres_options(self.url, pool_size)
        try:
            # Parameters of flows may be secrets: what a statement was given is in no error and so in no log.
            self.engine: Engine = create_engine(
                self.url, json_serializer=_COMPACT.encode, hide_parameters=True, **options
            )
        except ModuleNotFoundError as error:
            raise InvalidInputError(f"PostgreSQL needs {error.name}: pip install 'alisio[postgres]'") from error
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "checkin", _note_use)
            event.listen(self.engine, "checkout", _check_idle)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads; on PostgreSQL each of its statements sees what is committed then."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Open what takes one statement that reads, and on PostgreSQL no further round trips to begin and end it."""
        with self.engine.connect() as connection:
            if self.is_sqlite:
                yield connection
                return
            # Not by the option `isolation_level`: putting that back sends a SET, which pins a connection of RDS Proxy.
            driver: Any = connection.connection.driver_connection
            driver.autocommit = True
            try:
                yield connection
            finally:
                connection.rollback()
                if not driver.closed:
                    driver.autocommit = False

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes, and commit it unless the block raises.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): taking it later, after a read, fails
        when another process has written meanwhile.
        """
        with self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection

    def now(self, connection: Connection) -> datetime:
        """Tell the time by the database's clock, at this statement and not at the transaction's start.

        SQLite runs inside this process, so there the two clocks are one.
        """
        if self.is_sqlite:
            return datetime.now(UTC)
        value: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return value.astimezone(UTC)

    def one_and_now(
        self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> tuple[Row[Any] | None, datetime]:
        """Read a row, and tell the time as `now` does; on PostgreSQL in one round trip where there is such a row.

        Args:
            connection: Where to read.
            statement: Reads one row at most; it is kept, so it is to be one that is built once.
            parameters: What its parameters are.
        """
        if self.is_sqlite:
            return connection.execute(statement, parameters).one_or_none(), self.now(connection)
        row = connection.execute(_with_clock(statement), parameters).one_or_none()
        return row, self.now(connection) if row is None else row[-1].astimezone(UTC)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@cache
def _with_clock(statement: Select[Any]) -> Select[Any]:
    return statement.add_columns(func.clock_timestamp())


def _postgres_options(url: URL, pool_size: int) -> dict[str, Any]:
    # What the address says itself, holds.
    connection = {name: value for name, value in _POSTGRES_CONNECTION.items() if name not in url.query}
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "connect_args": connection,
        # Many rows of an UPDATE in one round trip, as those of an INSERT are; psycopg2 alone makes one for each.
        "executemany_mode": "values_plus_batch",
    }


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    # The time of day: the other clock may stand still while Lambda freezes us.
    record.info[_LAST_USE] = time.time()


def _check_idle(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
    """See whether a connection is still there that nobody has used for a second.

    Raises:
        DisconnectionError: It is not; the pool opens another one.
    """
    now = time.time()
    if abs(now - record.info.get(_LAST_USE, now)) < _TRUSTED_SECONDS:
        return
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise DisconnectionError("the connection was closed meanwhile") from error
    finally:
        cursor.close()


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    # The driver's own implicit BEGIN is switched off: `_begin_sqlite` says which kind it is.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
