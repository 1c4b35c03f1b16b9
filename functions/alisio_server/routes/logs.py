"""Logs."""

from __future__ import annotations

from alisio.contract.base import Page
from alisio.contract.runs import LogQuery, LogRecord
from alisio_server.access.rules import Access
from alisio_server.database.queries import logs as queries
from alisio_server.routes.support import Resource

resource = Resource("Logs")


@resource.route("POST", "/api/logs/filter", access=Access.READ)
def filter_logs(query: LogQuery) -> Page[LogRecord]:
    """List log lines in the order in which they were stored."""
    with resource.services.database.read() as connection:
        return queries.filter_logs(connection, query)
