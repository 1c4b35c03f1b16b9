"""Conditions that several listings share, as each dialect can answer them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, cast, func, literal, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB


def any_of(column: ColumnElement[Any], values: Iterable[Any] | None) -> list[ColumnElement[bool]]:
    """Narrow to rows whose column is one of the values; None does not narrow, an empty list matches nothing."""
    return [] if values is None else [column.in_(list(values))]


def contains(column: ColumnElement[str], part: str | None) -> list[ColumnElement[bool]]:
    """Narrow to rows whose column has the text in it, whatever the case of its letters."""
    return [] if part is None else [column.icontains(part, autoescape=True)]


def has_all_tags(
    connection: Connection, column: ColumnElement[Any], tags: Sequence[str] | None
) -> list[ColumnElement[bool]]:
    """Narrow to rows whose JSON list of tags has all of these."""
    if not tags:
        return []
    if connection.dialect.name == "postgresql":
        return [type_coerce(column, JSONB).contains(list(tags))]
    stored = func.json_each(column).table_valued("value")
    return [select(literal(1)).select_from(stored).where(cast(stored.c.value, Text) == tag).exists() for tag in tags]
