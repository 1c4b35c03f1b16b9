"""Bytes that a flow run, a task run and a log line take in the database, with their indexes and states.

A script records many of one kind, and the database's growth is divided by how many it holds then: of SQLite the pages
of its file, of PostgreSQL the relations with all that belongs to them, dead rows included. Lines are kept for the log
alone, so that no kind pays for another. Both databases are filled at once, as no time is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.databases import postgres
from benchmarks.figure import Figure, Row
from benchmarks.stacks import Stack, stack

_SIZE = {
    "SQLite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    "PostgreSQL": """
        SELECT sum(pg_total_relation_size(oid)) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    """,
}


@dataclass(frozen=True)
class _Kind:
    label: str
    table: str
    count: int
    budget: float | None


_KINDS = {
    "runs": _Kind("a flow run", "flow_run", 500, None),
    "task_runs": _Kind("a task run", "task_run", 5_000, 600),
    "logs": _Kind("a log line of 50 characters", "log", 20_000, 250),
}


def _bytes_each(running: Stack, name: str) -> float:
    kind = _KINDS[name]
    level = "INFO" if name == "logs" else "ERROR"
    size, rows = _size(running), _rows(running, kind.table)
    environment = running.environment | {"ALISIO_LOGGING_LEVEL": level}
    running.product.run_workload("stored", name, kind.count, environment=environment)
    stored = _rows(running, kind.table) - rows
    # A run that logs says itself that it begins and ends.
    if not kind.count <= stored <= kind.count + 2:
        raise RuntimeError(f"{kind.count} rows were to be in {kind.table}; it holds {stored}")
    return (_size(running) - size) / stored


def _size(running: Stack) -> int:
    return int(running.read(_SIZE["PostgreSQL" if "postgresql" in running.database_url else "SQLite"])[0][0])


def _rows(running: Stack, table: str) -> int:
    return int(running.read(f"SELECT count(*) FROM {table}")[0][0])


def _sizes(url: str | None) -> dict[str, float]:
    with stack(database=url) as running:
        return {name: _bytes_each(running, name) for name in _KINDS}


def _measure() -> Iterator[Figure]:
    with postgres() as server, ThreadPoolExecutor() as pool:
        urls = {"SQLite": None, "PostgreSQL": server.create_database(empty=True)}
        found = dict(zip(urls, pool.map(_sizes, urls.values()), strict=True))
    for database, sizes in found.items():
        for name, kind in _KINDS.items():
            yield Figure(f"{kind.label}, stored in {database}", "bytes", [sizes[name]], budget=kind.budget)


ROW = Row("stored_bytes", _measure)
