"""Conditions and values that several queries share, as each dialect can answer them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, cast, extract, func, literal, select, type_coerce
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


def whole_seconds(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[int]:
    """Give the whole seconds from 1970 to the instants of a column, rounded down."""
    if connection.dialect.name == "postgresql":
        return cast(func.floor(extract("epoch", column)), BigInteger)
    return cast(func.strftime("%s", column), BigInteger)
