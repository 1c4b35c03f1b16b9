"""Waiting until what a workload has run is stored, by counting rows in the product's SQLite file.

Both products call their tables `flow_run` and `task_run`, and the type of a state `state_type`.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

LOOK_EVERY_SECONDS = 0.002
PATIENCE_SECONDS = 120.0


class Recorded:
    """The rows of a table that were not there when this was made.

    Args:
        database: The SQLite file; it may not be there yet.
        table: `flow_run` or `task_run`.
    """

    def __init__(self, database: str, table: str) -> None:
        self._address = f"file:{database}?mode=ro"
        self._table = table
        self._last = self._number("SELECT coalesce(max(rowid), 0) FROM {table}")

    def wait_for(self, count: int) -> float:
        """Wait until so many new rows are COMPLETED.

        Returns:
            When the last of them was seen, by `time.perf_counter()`.

        Raises:
            RuntimeError: There are more, or they are not all stored in time.
        """
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while True:
            stored = self._number(
                "SELECT count(*) FROM {table} WHERE rowid > ? AND state_type = 'COMPLETED'", self._last
            )
            now = time.perf_counter()
            if stored == count:
                return now
            if stored > count or now > deadline:
                raise RuntimeError(f"{count} rows of {self._table} were to be COMPLETED, but {stored} are")
            time.sleep(LOOK_EVERY_SECONDS)

    def _number(self, query: str, *values: int) -> int:
        try:
            with closing(sqlite3.connect(self._address, uri=True, timeout=30)) as connection:
                return int(connection.execute(query.format(table=self._table), values).fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # the product is only making its database
