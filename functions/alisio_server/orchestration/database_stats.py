"""Telling what is in the database: rows, bytes, the oldest of each table, and what the retention lets go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select, text
from sqlalchemy.exc import OperationalError

from alisio.contract.maintenance import TableStats
from alisio_server.database.access_tables import audit_log
from alisio_server.database.around_tables import artifact, artifact_data, asset_materialization, event
from alisio_server.database.engine import Database
from alisio_server.database.indexes import metadata
from alisio_server.database.tables import bundle, flow_run, flow_run_state, log, task_run
from alisio_server.orchestration.artifact_data import unused_data
from alisio_server.orchestration.retention import BUNDLE_GRACE, removable
from alisio_server.settings import Retention

_AGES = ("timestamp", "created", "first_seen", "occurred")
_SQLITE_BYTES = text(
    "SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name GROUP BY m.tbl_name"
)
_POSTGRESQL_BYTES = text(
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)


def read_stats(database: Database, kept: Retention) -> list[TableStats]:
    """Count what is in every table. It reads all of them, so it takes a while for large ones.

    Args:
        database: The database.
        kept: How long things are kept.

    Returns:
        The tables by name.
    """
    with database.read() as connection:
        now = database.now(connection)
        sizes = _sizes(connection, database)
        going = _removable(kept, now)
        return [
            _stats(connection, table, sizes.get(table.name), going.get(table.name))
            for table in sorted(metadata.tables.values(), key=lambda table: table.name)
        ]


def _stats(connection: Connection, table: Table, size: int | None, going: ColumnElement[bool] | None) -> TableStats:
    age = next((table.c[name] for name in _AGES if name in table.c), None)
    oldest: Any = None if age is None else connection.execute(select(func.min(age))).scalar_one()
    rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
    gone = 0
    if going is not None:
        gone = connection.execute(select(func.count()).select_from(table).where(going)).scalar_one()
    return TableStats(table=table.name, rows=rows, bytes=size, oldest=oldest, removable=gone)


def _sizes(connection: Connection, database: Database) -> dict[str, int]:
    try:
        rows = connection.execute(_SQLITE_BYTES if database.is_sqlite else _POSTGRESQL_BYTES).all()
    except OperationalError:
        # Not every build of SQLite can tell.
        return {}
    return {name: int(size) for name, size in rows}


def _removable(kept: Retention, now: datetime) -> dict[str, ColumnElement[bool]]:
    going: dict[str, ColumnElement[bool]] = {
        bundle.name: bundle.c.unused_since <= now - BUNDLE_GRACE,
        artifact_data.name: unused_data(now),
    }
    if kept.audit_log is not None:
        going[audit_log.name] = audit_log.c.timestamp <= now - kept.audit_log
    if kept.events is not None:
        going[event.name] = event.c.occurred <= now - kept.events
    if kept.flow_runs is not None:
        roots = select(flow_run.c.id).where(removable(now - kept.flow_runs, now)).scalar_subquery()
        going[flow_run.name] = flow_run.c.root_flow_run_id.in_(roots)
        runs = select(flow_run.c.id).where(going[flow_run.name])
        for table in (flow_run_state, artifact, asset_materialization):
            going[table.name] = table.c.flow_run_id.in_(runs)
    for table, own in ((task_run, kept.task_runs), (log, kept.logs)):
        shortest = min((age for age in (own, kept.flow_runs) if age is not None), default=None)
        if shortest is not None:
            going[table.name] = table.c.flow_run_id.in_(_ended(now - shortest))
    return going


def _ended(by: datetime) -> Any:
    return select(flow_run.c.id).where(flow_run.c.ended <= by)


def vacuum(database: Database) -> None:
    """Give the space of removed rows back, and bring the statistics of the query planner up to date.

    Raises:
        sqlalchemy.exc.OperationalError: The database is away, or SQLite's file in use, or the disk has no room for a
            copy of it.
    """
    try:
        _vacuum(database)
    except database.engine.dialect.loaded_dbapi.Error as error:
        raise OperationalError("VACUUM", None, error) from error


def _vacuum(database: Database) -> None:
    # Neither database does it within a transaction, and SQLAlchemy's connections always begin one.
    raw = database.engine.raw_connection()
    try:
        raw.rollback()
        if not database.is_sqlite:
            raw.driver_connection.autocommit = True  # type: ignore[union-attr] # psycopg2's
        cursor = raw.cursor()
        for statement in ("VACUUM", "ANALYZE") if database.is_sqlite else _vacuums():
            cursor.execute(statement)
    finally:
        raw.invalidate()
        raw.close()


def _vacuums() -> list[str]:
    return [f'VACUUM (ANALYZE) "{name}"' for name in sorted(metadata.tables)]
