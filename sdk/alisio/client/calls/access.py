"""Calls about API keys and the audit log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alisio.client.calls.base import Call, page_query, path_of
from alisio.contract.access import ApiKey, ApiKeyCreate, AuditRecord, CreatedApiKey
from alisio.contract.base import Page


def create_api_key(request: ApiKeyCreate) -> Call[CreatedApiKey]:
    """Make an API key. Sent once: a second one would meet the first one's name."""
    return Call("POST", "/api-keys", CreatedApiKey, request, repeatable=False)


def list_api_keys(limit: int | None, cursor: str | None) -> Call[Page[ApiKey]]:
    """List API keys, the newest first."""
    return Call("GET", "/api-keys", Page[ApiKey], query=page_query(limit, cursor))


def revoke_api_key(key_id: UUID) -> Call[ApiKey]:
    """Revoke an API key."""
    return Call("POST", path_of("api-keys", key_id, "revoke"), ApiKey)


def list_audit_records(
    since: datetime | None, actor: str | None, action: str | None, limit: int | None, cursor: str | None
) -> Call[Page[AuditRecord]]:
    """List the audit log, the newest first."""
    given = {"since": None if since is None else since.isoformat(), "actor": actor, "action": action}
    narrowed = {name: text for name, text in given.items() if text is not None}
    return Call("GET", "/audit", Page[AuditRecord], query=page_query(limit, cursor) | narrowed)
