"""Reading logs, and following them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from alisio.contract.base import Page
from alisio.contract.runs import LogQuery, LogRecord
from alisio_server.database.queries.conditions import any_of, contains
from alisio_server.database.queries.paging import Order, encode_cursor, read_page
from alisio_server.database.tables import log

_STORED = Order("logs", (log.c.id,))
_LOGS = select(log)


def filter_logs(connection: Connection, query: LogQuery) -> Page[LogRecord]:
    """Read a page of log lines in the order in which they were stored.

    Where the query follows, the page has a cursor even when it is the last one: the next page then has the lines
    that came since.
    """
    wanted, columns = query.filter, log.c
    statement = _LOGS.where(
        *any_of(columns.flow_run_id, wanted.flow_run_ids),
        *any_of(columns.task_run_id, wanted.task_run_ids),
        *([] if wanted.level_at_least is None else [columns.level >= wanted.level_at_least]),
        *contains(columns.message, wanted.message_contains),
        *([] if wanted.after is None else [columns.timestamp >= wanted.after]),
        *([] if wanted.before is None else [columns.timestamp < wanted.before]),
    )
    page = read_page(connection, statement, _STORED, _build, limit=query.limit, cursor=query.cursor)
    if query.follow and page.next_cursor is None:
        last = encode_cursor(_STORED, [page.items[-1].id]) if page.items else query.cursor
        page.next_cursor = last or encode_cursor(_STORED, [0])
    return page


def _build(row: Row[Any]) -> LogRecord:
    return LogRecord.model_validate(dict(row._mapping))
