"""Reading where runs pause, and what was sent to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from alisio.contract.base import Page
from alisio.contract.control import MAX_LISTED_PAUSES, FlowRunInput, FlowRunInputQuery, Pause
from alisio_server.database.control_tables import flow_run_input, flow_run_pause
from alisio_server.database.queries.paging import Order, encode_cursor, read_page

_IN_ORDER = Order("inputs", (flow_run_input.c.id,))


def list_pauses(connection: Connection, flow_run_id: UUID) -> list[Pause]:
    """Read the latest 100 pauses of a run, in the order in which it came to them."""
    columns = flow_run_pause.c
    of_run = select(flow_run_pause).where(columns.flow_run_id == flow_run_id)
    latest = of_run.order_by(columns.created.desc(), columns.key.desc()).limit(MAX_LISTED_PAUSES)
    rows = connection.execute(latest).all()
    return [Pause.model_validate(dict(row._mapping)) for row in reversed(rows)]


def filter_inputs(connection: Connection, flow_run_id: UUID, query: FlowRunInputQuery) -> Page[FlowRunInput]:
    """Read a page of what was sent to a run, in the order in which it came.

    The page has a cursor even when it is the last one: the next page then has what has come since.
    """
    columns = flow_run_input.c
    statement = select(flow_run_input).where(
        columns.flow_run_id == flow_run_id,
        *([func.substr(columns.key, 1, len(query.prefix)) == query.prefix] if query.prefix else []),
        *([columns.key.not_in(query.exclude_keys)] if query.exclude_keys else []),
    )
    page = read_page(connection, statement, _IN_ORDER, _build, limit=query.limit, cursor=query.cursor)
    if page.next_cursor is None:
        last = encode_cursor(_IN_ORDER, [page.items[-1].id]) if page.items else query.cursor
        page.next_cursor = last or encode_cursor(_IN_ORDER, [0])
    return page


def _build(row: Row[Any]) -> FlowRunInput:
    return FlowRunInput.model_validate(dict(row._mapping))
