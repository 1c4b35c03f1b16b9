"""The audit log: a row for each change by a person or a key, written in the transaction that makes the change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from alisio_server.access.callers import Caller
from alisio_server.database.access_tables import audit_log

_MAX_FIELDS = 50
_MAX_FIELD = 100
_MAX_TARGET = 1_000
_RECORD = insert(audit_log).inline()  # without the id of its row, which nobody asks for


@dataclass
class Change:
    """A change that a request asks for.

    Attributes:
        caller: Who asks.
        action: The operation's id.
        target: The path, decoded.
        fields: The names of the body's fields; known once the route has read it.
        recorded: Whether it is in the log: a request is there once, however many transactions it takes.
    """

    caller: Caller
    action: str
    target: str
    fields: tuple[str, ...] = ()
    recorded: bool = False


def record_change(connection: Connection, change: Change, now: datetime, *, refused: bool = False) -> None:
    """Write a change into the audit log.

    Args:
        connection: The transaction.
        change: What was asked for.
        now: The time by the database's clock.
        refused: Whether the caller's role does not allow it.
    """
    connection.execute(_RECORD, record_of(change, now, refused=refused))


def record_of(change: Change, now: datetime, *, refused: bool = False) -> dict[str, Any]:
    """Lay out the row of a change in the audit log; arguments as `record_change` has them."""
    caller = change.caller
    return {
        "timestamp": now,
        "actor": caller.name,
        "api_key_id": caller.api_key_id,
        "role": caller.role,
        "action": change.action,
        "target": change.target[:_MAX_TARGET],
        "fields": [name[:_MAX_FIELD] for name in change.fields[:_MAX_FIELDS]],
        "refused": refused,
        "source": caller.source,
    }
