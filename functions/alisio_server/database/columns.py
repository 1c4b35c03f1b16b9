"""What the tables are made with: their metadata, and the columns that many of them have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, Uuid

from alisio_server.database.types import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
RowId = BigInteger().with_variant(Integer(), "sqlite")
"""The type of `id` where rows are numbered in the order in which they come."""


def row_key() -> Column[Any]:
    """Make the column `id` of a table whose rows are named by UUIDs."""
    return Column("id", Uuid(), primary_key=True)


def instant(name: str, nullable: bool = False) -> Column[Any]:
    """Make a column of instants."""
    return Column(name, Instant(), nullable=nullable)
