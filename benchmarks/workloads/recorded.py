"""Waiting until what a workload has run is stored, by counting rows in the product's database.

Both products call their tables `flow_run` and `task_run`, and the type of a state `state_type`.
"""

from __future__ import annotations

import importlib
import sqlite3
import time
from contextlib import closing
from typing import Any

LOOK_EVERY_SECONDS = 0.002
PATIENCE_SECONDS = 120.0
_POSTGRESQL = "postgresql://"
_NO_ID = "00000000-0000-0000-0000-000000000000"


class Recorded:
    """The rows of a table that were not there when this was made.

    Args:
        database: The SQLite file, which may not be there yet, or a PostgreSQL database of ours (`postgresql://…`).
        table: `flow_run` or `task_run`.
    """

    def __init__(self, database: str, table: str) -> None:
        self._database = database
        if database.startswith(_POSTGRESQL):
            # Our ids rise with time.
            self._last = self._read(f"SELECT id::text FROM {table} ORDER BY id DESC LIMIT 1") or _NO_ID
            newer = "id > %s"
        else:
            self._last = self._read(f"SELECT coalesce(max(rowid), 0) FROM {table}") or 0
            newer = "rowid > ?"
        self._table = table
        self._counting = f"SELECT count(*) FROM {table} WHERE {newer} AND state_type = 'COMPLETED'"

    def wait_for(self, count: int) -> float:
        """Wait until so many new rows are COMPLETED.

        Returns:
            When the last of them was seen, by `time.perf_counter()`.

        Raises:
            RuntimeError: There are more, or they are not all stored in time.
        """
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while True:
            stored = int(self._read(self._counting, self._last) or 0)
            now = time.perf_counter()
            if stored == count:
                return now
            if stored > count or now > deadline:
                raise RuntimeError(f"{count} rows of {self._table} were to be COMPLETED, but {stored} are")
            time.sleep(LOOK_EVERY_SECONDS)

    def _read(self, query: str, *values: Any) -> Any:
        """Give the first field of the first row; None where there is none."""
        if self._database.startswith(_POSTGRESQL):
            driver: Any = importlib.import_module("psycopg2")
            with closing(driver.connect(self._database)) as connection, connection.cursor() as cursor:
                cursor.execute(query, values)
                return next(iter(cursor.fetchone() or ()), None)
        try:
            with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30)) as connection:
                return next(iter(connection.execute(query, values).fetchone() or ()), None)
        except sqlite3.OperationalError:
            return None  # the product is only making its database
