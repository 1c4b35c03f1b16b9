"""Pages by key: a cursor holds the sort key of a page's last row, so no page skips or repeats a row.

Counting offsets would read all the rows before a page; this reads only the page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, Uuid, and_, func, literal, select, tuple_

from alisio.contract.base import Count, Page
from alisio_server.database.instants import from_microseconds, to_microseconds
from alisio_server.database.types import Instant
from alisio_server.errors import InvalidInputError

MAX_COUNT = 10_000
Item = TypeVar("Item")
# What a BIGINT holds.
_LARGEST = 2**63


@dataclass(frozen=True)
class Order:
    """An order of rows that no two share.

    Attributes:
        name: What a cursor is marked with, so that one of another listing or order is refused.
        columns: The columns to sort by, the last of them unique.
        descending: Largest first.
    """

    name: str
    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False


def read_page(
    connection: Connection,
    statement: Select[Any],
    order: Order,
    build: Callable[[Row[Any]], Item],
    *,
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Read one page of a listing.

    Args:
        connection: Where to read.
        statement: What to read, unsorted; it must select the columns of the order.
        order: The order of the rows.
        build: Makes an item of a row.
        limit: Rows a page.
        cursor: `next_cursor` of the page before; None for the first one.

    Raises:
        InvalidInputError: The cursor is not one of this listing and order.
    """
    if cursor is not None:
        statement = statement.where(_beyond(order, decode_cursor(order, cursor)))
    keys = [column.desc() if order.descending else column for column in order.columns]
    rows = connection.execute(statement.order_by(*keys).limit(limit + 1)).all()
    next_cursor = None
    if len(rows) > limit:
        rows = rows[:limit]
        next_cursor = encode_cursor(order, [rows[-1]._mapping[column] for column in order.columns])
    return Page(items=[build(row) for row in rows], next_cursor=next_cursor)


def count_rows(connection: Connection, statement: Select[Any]) -> Count:
    """Count rows exactly up to 10,000, and look no further than that.

    Args:
        connection: Where to read.
        statement: Selects the rows to count.
    """
    some = statement.limit(MAX_COUNT + 1).subquery()
    count: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return Count(count=min(count, MAX_COUNT), capped=count > MAX_COUNT)


def encode_cursor(order: Order, values: Sequence[Any]) -> str:
    """Make an opaque cursor of a row's sort key."""
    text = json.dumps([order.name, *map(_to_json, values)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(order: Order, cursor: str) -> list[Any]:
    """Read the sort key out of a cursor.

    Raises:
        InvalidInputError: It is not a cursor of this order.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if name != order.name or len(values) != len(order.columns):
            raise ValueError(name)
        json.dumps(values, ensure_ascii=False).encode()  # half surrogates cannot be sent to a database
        return [_from_json(value, column) for value, column in zip(values, order.columns, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise InvalidInputError(
            "the cursor is not one that this listing gave in this order: leave it out to begin anew",
            code="invalid_cursor",
            field="cursor",
        ) from error


def _beyond(order: Order, values: Sequence[Any]) -> ColumnElement[bool]:
    key = tuple_(*order.columns)
    bounds = [literal(value, column.type) for value, column in zip(values, order.columns, strict=True)]
    last, first_column = tuple_(*bounds), order.columns[0]
    # The first column alone says nothing new, but finds SQLite the place in an index of an expression.
    if order.descending:
        return and_(first_column <= bounds[0], key < last)
    return and_(first_column >= bounds[0], key > last)


def _to_json(value: Any) -> int | str:
    if isinstance(value, datetime):
        return to_microseconds(value)
    return value.hex if isinstance(value, UUID) else value


def _from_json(value: Any, column: ColumnElement[Any]) -> Any:
    if isinstance(column.type, Instant):
        return from_microseconds(_checked(value, int))
    if isinstance(column.type, Uuid):
        return UUID(hex=_checked(value, str))
    return _checked(value, column.type.python_type)


def _checked(value: Any, wanted: type) -> Any:
    if type(value) is not wanted:
        raise TypeError(f"{value!r} is no {wanted.__name__}")
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise ValueError(f"{value} is out of range")
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("no column holds NUL")
    return value
