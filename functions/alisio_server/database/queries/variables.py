"""Reading variables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from alisio.contract.base import Count, Page
from alisio.contract.variables import VariableFilter, VariableQuery, VariableRecord, VariableSort
from alisio_server.database.around_tables import variable
from alisio_server.database.queries.conditions import any_of, contains, has_all_tags
from alisio_server.database.queries.paging import Order, count_rows, read_page
from alisio_server.errors import NotFoundError

_ORDERS = {
    VariableSort.NAME_ASC: Order("variables.name_asc", (variable.c.name,)),
    VariableSort.NAME_DESC: Order("variables.name_desc", (variable.c.name,), descending=True),
    VariableSort.CREATED_DESC: Order("variables.created_desc", (variable.c.created, variable.c.id), descending=True),
    VariableSort.UPDATED_DESC: Order("variables.updated_desc", (variable.c.updated, variable.c.id), descending=True),
}
_VARIABLES: Select[Any] = select(variable)


def get_variable(connection: Connection, name: str) -> VariableRecord:
    """Read a variable.

    Raises:
        NotFoundError: There is none of that name.
    """
    row = connection.execute(_VARIABLES.where(variable.c.name == name)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no variable {name!r}", code="variable_not_found", field="name")
    return _build(row)


def filter_variables(connection: Connection, query: VariableQuery) -> Page[VariableRecord]:
    """Read a page of variables."""
    statement = _VARIABLES.where(*_conditions(connection, query.filter))
    return read_page(connection, statement, _ORDERS[query.sort], _build, limit=query.limit, cursor=query.cursor)


def count_variables(connection: Connection, wanted: VariableFilter) -> Count:
    """Count variables, exactly up to 10,000."""
    return count_rows(connection, select(variable.c.id).where(*_conditions(connection, wanted)))


def _conditions(connection: Connection, wanted: VariableFilter) -> list[ColumnElement[bool]]:
    return [
        *any_of(variable.c.name, wanted.names),
        *contains(variable.c.name, wanted.name_contains),
        *has_all_tags(connection, variable.c.tags, wanted.tags),
    ]


def _build(row: Row[Any]) -> VariableRecord:
    return VariableRecord.model_validate(dict(row._mapping))
