"""A database that has seen much: as many flow runs as one likes, of 50 flows and 100 deployments, over 30 days.

Runs are written beside the API, a million in half a minute on PostgreSQL: its triggers and foreign keys sleep
meanwhile, its indexes are made afterwards, and a server with `BULK_SETTINGS` writes none of it into its log.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from alisio.contract.ids import new_id
from alisio.contract.names import new_name
from alisio_server.adapters.laptop.silence import Silence
from alisio_server.database.engine import Database
from alisio_server.database.tables import clockwork, deployment, flow, work_pool, work_queue
from alisio_server.embedded import open_services
from alisio_server.orchestration.hourly_counts import count_hours
from alisio_server.settings import ServerSettings

FLOWS = 50
DEPLOYMENTS = 100
DAYS = 30
POOL = "generated"

BULK_SETTINGS = {"wal_level": "minimal", "max_wal_senders": "0"}
"""Of a PostgreSQL of which nobody makes a copy: a table that a transaction makes or empties is written once."""

_BATCH = 20_000
_LINES_AT_ONCE = 500
_COUNTING_SECONDS = 600.0
# Of a thousand runs so many end so, in this order; the rest are COMPLETED.
_ENDS = (("FAILED", "Failed", 50), ("CRASHED", "Crashed", 10), ("CANCELLED", "Cancelled", 9))
_COLUMNS = (
    "id", "root_flow_run_id", "name", "flow_id", "deployment_id", "work_queue_id", "tags", "state_type", "state_name",
    "state_timestamp", "due", "created", "updated", "started", "ended", "attempt", "created_by", "parameters",
    "job_variables", "retry_delays", "provisional", "lease_extended", "unstarted_claims", "report_sequence",
    "retries", "retries_used", "wake_interval",
)  # fmt: skip
_ALIKE = ("api", '{"city":"Lisbon","days":3}', "{}", "[]", "0", "0", "0", "3", "0", "0", "60")
_Line = tuple[str | None, ...]
"""A run as both databases read it: in texts."""


@dataclass(frozen=True)
class Homes:
    """Where the runs belong.

    Attributes:
        queue_id: The one work queue.
        flow_ids: The flows, `flow-0` and so on.
        deployment_ids: The deployments: number n is `deployment-n` of flow n modulo 50.
    """

    queue_id: UUID
    flow_ids: list[UUID]
    deployment_ids: list[UUID]


def fill(url: str, runs: int) -> Homes:
    """Write flow runs into a database, and have their hours counted.

    Args:
        url: The database; it gets its tables where it has none.
        runs: How many, evenly over the last 30 days. Of a thousand, 69 have not completed, and one waits for a time
            to come; 300 have the tag `nightly`, 50 the tag of one of 20 teams, `team-7`, and one a tag of its own,
            `case-7000`; the names of 10 begin with `backfill-`.

    Returns:
        Their flows and deployments.
    """
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        services = open_services(ServerSettings(database_url=url, home=Path(folder)), Silence())
        database, now = services.database, datetime.now(UTC)
        try:
            with database.write() as connection:
                homes = _insert_homes(connection, now)
                write = _write_sqlite if database.is_sqlite else _write_postgresql
                write(connection, _lines(homes, runs, now))
            _analyse(database)
            count_hours(services, _COUNTING_SECONDS)
        finally:
            database.dispose()
    return homes


def _insert_homes(connection: Connection, now: datetime) -> Homes:
    pool_id, homes = new_id(), Homes(new_id(), _ids(FLOWS), _ids(DEPLOYMENTS))
    connection.execute(insert(work_pool).values(id=pool_id, name=POOL, type="process", created=now))
    connection.execute(insert(work_queue).values(id=homes.queue_id, work_pool_id=pool_id, name="default", created=now))
    flows = [{"id": id_, "name": f"flow-{number}", "created": now} for number, id_ in enumerate(homes.flow_ids)]
    connection.execute(insert(flow), flows)
    deployments: list[dict[str, Any]] = [
        {
            "id": id_,
            "name": f"deployment-{number}",
            "flow_id": homes.flow_ids[number % FLOWS],
            "work_queue_id": homes.queue_id,
            "entrypoint": "flows.py:flow",
            "created": now,
            "updated": now,
        }
        for number, id_ in enumerate(homes.deployment_ids)
    ]
    connection.execute(insert(deployment), deployments)
    # A tick that has never been has no row, and nothing is counted before the first one.
    if connection.execute(select(clockwork.c.id)).first() is None:
        connection.execute(insert(clockwork).values(id=1, last_tick=now))
    return homes


def _ids(count: int) -> list[UUID]:
    return [new_id() for _ in range(count)]


def _lines(homes: Homes, runs: int, now: datetime) -> Iterator[_Line]:
    step, first = timedelta(days=DAYS) / runs, now - timedelta(days=DAYS)
    names = [new_name() for _ in range(500)]
    flow_ids, deployment_ids = ([id_.hex for id_ in ids] for ids in (homes.flow_ids, homes.deployment_ids))
    for number in range(runs):
        begun = first + number * step
        at, ended = _written(begun), _written(begun + timedelta(seconds=number % 600 + 1))
        # Ids rise with time, as real ones do.
        id_ = f"{int(begun.timestamp() * 1000):012x}70008000{number:012x}"
        name = f"backfill-{number}" if number % 100 == 50 else names[number * 7 % 500]
        mine = (id_, id_, name, flow_ids[number % FLOWS], deployment_ids[number % DEPLOYMENTS], homes.queue_id.hex)
        tags = _tags(number)
        if number % 1000 == 999:
            due = _written(now + timedelta(seconds=number % 86_400 + 60))
            yield (*mine, tags, "SCHEDULED", "Scheduled", at, due, at, at, None, None, "0", *_ALIKE)
        else:
            yield (*mine, tags, *_end(number), ended, at, at, ended, at, ended, "1", *_ALIKE)


def _tags(number: int) -> str:
    place = number * 37 % 1000
    if place < 300:
        return '["nightly"]'
    if place < 350:
        return f'["team-{number % 20}","extra"]'
    return f'["case-{number}"]' if place == 999 else "[]"


def _end(number: int) -> tuple[str, str]:
    place = number * 13 % 1000
    for type_, name, share in _ENDS:
        if place < share:
            return type_, name
        place -= share
    return "COMPLETED", "Completed"


def _written(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}"


def _write_sqlite(connection: Connection, lines: Iterator[_Line]) -> None:
    statement = f"INSERT INTO flow_run ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    while batch := list(islice(lines, _BATCH)):
        connection.exec_driver_sql(statement, batch)


def _write_postgresql(connection: Connection, lines: Iterator[_Line]) -> None:
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
    connection.execute(text("TRUNCATE flow_run CASCADE"))
    statement = f"COPY flow_run ({', '.join(_COLUMNS)}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    with _without_indexes(connection), driver.cursor() as cursor:
        cursor.copy_expert(statement, _Copy(lines))


class _Copy:
    """A file that PostgreSQL reads while its lines are made, so that two processors are at it."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines = lines

    def read(self, _size: int) -> str:
        """Give some lines, whatever their size; nothing after the last one."""
        some = islice(self._lines, _LINES_AT_ONCE)
        return "".join("\t".join("\\N" if field is None else field for field in line) + "\n" for line in some)


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Take the indexes away, but for those of constraints, and make them again."""
    found = text(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index "
        "WHERE indrelid = 'flow_run'::regclass "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
    )
    indexes = connection.execute(found).all()
    for index in indexes:
        connection.execute(text(f"DROP INDEX {index.name}"))
    yield
    for index in indexes:
        connection.exec_driver_sql(index.definition)


def _analyse(database: Database) -> None:
    """Give the planner its statistics, which PostgreSQL would gather itself after a minute."""
    with database.write() as connection:
        connection.execute(text("ANALYZE"))
