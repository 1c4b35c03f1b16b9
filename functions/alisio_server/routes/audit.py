"""The audit log."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import AfterValidator

from alisio.contract.access import AuditRecord
from alisio.contract.base import Page, Timestamp
from alisio_server.access.rules import Access
from alisio_server.database.queries import access as queries
from alisio_server.events import storable
from alisio_server.routes.support import PageCursor, PageLimit, Resource

resource = Resource("Audit log")

Since = Annotated[Timestamp | None, Query(description="Only from this instant on.")]
_Text = AfterValidator(lambda text: text and storable(text))
Actor = Annotated[str | None, _Text, Query(max_length=200, description="Only by the API key of this name.")]
Action = Annotated[str | None, _Text, Query(max_length=100, description="Only this operation.")]


@resource.route("GET", "/api/audit", access=Access.ADMIN)
def list_audit_records(
    since: Since = None, actor: Actor = None, action: Action = None, limit: PageLimit = 50, cursor: PageCursor = None
) -> Page[AuditRecord]:
    """List what was changed, and what was refused, the newest first."""
    with resource.services.database.read() as connection:
        wanted = queries.AuditFilter(since=since, actor=actor, action=action)
        return queries.list_audit_records(connection, wanted, limit=limit, cursor=cursor)
