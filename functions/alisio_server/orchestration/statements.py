"""The statements that SQLite and PostgreSQL each spell in their own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Table

from alisio_server.services import Transaction

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    Insert: TypeAlias = sqlite.Insert | postgresql.Insert


def insert_into(tx: Transaction, table: Table) -> Insert:
    """Begin an INSERT that can have an ON CONFLICT clause. Only the dialect that is spoken is imported.

    Args:
        tx: The transaction that says which dialect is spoken.
        table: The table to insert into.

    Returns:
        The statement.
    """
    if tx.database.is_sqlite:
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
