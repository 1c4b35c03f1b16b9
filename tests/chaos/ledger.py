"""The two ledgers that are compared in the end: the book that the flows wrote, and the database, in plain SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2

TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
ENDED = f"({', '.join(repr(name) for name in TERMINAL)})"
"""The types of states that are ends, as SQL has it."""


@dataclass(frozen=True)
class Entry:
    """A line of the book: something began or ended in order."""

    run: str
    attempt: int
    label: str
    event: str
    pid: int
    monotonic: float


def read_book(file: Path) -> list[Entry]:
    """Read the book, oldest first."""
    if not file.exists():
        return []
    rows = [line.split() for line in file.read_text().splitlines()]
    return [Entry(run, int(attempt), label, event, int(pid), float(at)) for run, attempt, label, event, pid, at in rows]


class Ledger:
    """The database, looked at from outside.

    Args:
        url: Of SQLite or PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """Read rows; ids come as text with dashes.

        Raises:
            sqlite3.Error, psycopg2.Error: The database is away.
        """
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def one(self, query: str) -> Any:
        """Read a single value."""
        return self.rows(query)[0][0]

    def _connect(self) -> Any:
        if self._url.startswith("sqlite"):
            path = self._url.removeprefix("sqlite:///")
            return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        connection = psycopg2.connect(self._url, connect_timeout=3)
        connection.autocommit = True
        return connection


AWAY = (sqlite3.Error, psycopg2.Error)
"""What a ledger raises while its database is away."""


def as_id(value: Any) -> str:
    """Write an id of either database in one way."""
    return str(value if isinstance(value, UUID) else UUID(str(value)))
