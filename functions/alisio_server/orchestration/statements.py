"""The statements that SQLite and PostgreSQL each spell in their own way."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from alisio_server.services import Transaction

Insert = sqlite.Insert | postgresql.Insert


def insert_into(tx: Transaction, table: Table) -> Insert:
    """Begin an INSERT that can have an ON CONFLICT clause.

    Args:
        tx: The transaction that says which dialect is spoken.
        table: The table to insert into.

    Returns:
        The statement.
    """
    return sqlite.insert(table) if tx.database.is_sqlite else postgresql.insert(table)
