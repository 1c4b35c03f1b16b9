"""Reading API keys and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select

from alisio.contract.access import ApiKey, AuditRecord
from alisio.contract.base import Page
from alisio_server.database.access_tables import api_key, audit_log
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.errors import NotFoundError

_NEWEST_KEYS = Order("api-keys", (api_key.c.created, api_key.c.id), descending=True)
_NEWEST_RECORDS = Order("audit-log", (audit_log.c.timestamp, audit_log.c.id), descending=True)


@dataclass(frozen=True)
class AuditFilter:
    """Which records of the audit log; None: all.

    Attributes:
        since: Those from this instant on.
        actor: Those of this name.
        action: Those of this operation.
    """

    since: datetime | None = None
    actor: str | None = None
    action: str | None = None


def _keys() -> Select[Any]:
    return select(*(column for column in api_key.c if column is not api_key.c.secret_hash))


def get_api_key(connection: Connection, key_id: UUID) -> ApiKey:
    """Read an API key.

    Raises:
        NotFoundError: There is none such.
    """
    row = connection.execute(_keys().where(api_key.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no API key {key_id}", code="api_key_not_found", field="key_id")
    return _build_key(row)


def list_api_keys(connection: Connection, *, limit: int, cursor: str | None) -> Page[ApiKey]:
    """Read a page of API keys, the newest first."""
    return read_page(connection, _keys(), _NEWEST_KEYS, _build_key, limit=limit, cursor=cursor)


def list_audit_records(
    connection: Connection, wanted: AuditFilter, *, limit: int, cursor: str | None
) -> Page[AuditRecord]:
    """Read a page of the audit log, the newest first."""
    statement = select(audit_log)
    if wanted.since is not None:
        statement = statement.where(audit_log.c.timestamp >= wanted.since)
    if wanted.actor is not None:
        statement = statement.where(audit_log.c.actor == wanted.actor)
    if wanted.action is not None:
        statement = statement.where(audit_log.c.action == wanted.action)
    return read_page(connection, statement, _NEWEST_RECORDS, _build_record, limit=limit, cursor=cursor)


def _build_key(row: Row[Any]) -> ApiKey:
    return ApiKey.model_validate(dict(row._mapping))


def _build_record(row: Row[Any]) -> AuditRecord:
    return AuditRecord.model_validate(dict(row._mapping))
