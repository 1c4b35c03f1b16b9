"""What workloads wait for: rows that are stored, counted in the database itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from alisio.contract.ids import new_id
from benchmarks.workloads import recorded
from benchmarks.workloads.recorded import Recorded
from tests.postgres import Postgres

_TABLE = "CREATE TABLE task_run (id {id} PRIMARY KEY, state_type text)"


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address as workloads are given it, of a database with an empty table of task runs."""
    if request.param == "SQLite":
        path = tmp_path / "bench.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(_TABLE.format(id="text"))
        yield str(path)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create_database(empty=True)
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(_TABLE.format(id="uuid"))
        yield url


def _store(database: str, *states: str) -> None:
    rows = [(str(new_id()), state) for state in states]
    connection: Any
    if database.startswith("postgresql://"):
        with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO task_run VALUES (%s, %s)", rows)
    else:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.executemany("INSERT INTO task_run VALUES (?, ?)", rows)


def test_only_new_rows_count(database: str) -> None:
    """What was stored before, and what is not completed, is no part of a sample."""
    _store(database, "COMPLETED", "COMPLETED")
    sample = Recorded(database, "task_run")
    _store(database, "RUNNING", "COMPLETED")
    assert 0 < sample.wait_for(1)


def test_more_rows_than_there_may_be_are_refused(database: str) -> None:
    """A workload that ran twice gives no sample."""
    sample = Recorded(database, "task_run")
    _store(database, "COMPLETED", "COMPLETED")
    with pytest.raises(RuntimeError, match="1 rows of task_run were to be COMPLETED, but 2 are"):
        sample.wait_for(1)


def test_a_database_that_is_not_there_yet_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product makes its database with its first run; one that never does is told."""
    monkeypatch.setattr(recorded, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(RuntimeError, match="but 0 are"):
        Recorded(str(tmp_path / "none.db"), "task_run").wait_for(1)
