"""Who may do what: API keys with their roles, and the log of what was changed by whom."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator

from alisio.contract.base import Answer, Name, Request, Timestamp
from alisio.contract.roles import ANONYMOUS, LOCAL, Role

KEY_PATTERN = re.compile(r"alisio_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
"""An API key: a public part, which names it, and a secret part of 256 bits."""


def _own(name: str) -> str:
    if name in (LOCAL, ANONYMOUS):
        raise ValueError(f"{name!r} stands for callers without a key in the audit log; choose another name")
    return name


class ApiKeyCreate(Request):
    """Body of `POST /api/api-keys`. The first key of a database must have the role admin."""

    name: Annotated[Name, AfterValidator(_own)]
    role: Role
    expires: Timestamp | None = None


class ApiKey(Answer):
    """An API key, without its secret.

    Attributes:
        id: It, as 32 hexadecimal digits, is the key's public part.
        name: What people know it by; no other key that holds has the same.
        role: What it may do.
        created: When it was made.
        created_by: The name of the key with which it was made, `local` or `anonymous`.
        expires: From when on it is refused; None: never.
        last_used: When it was last used, exact to a minute or two.
        revoked: When it was revoked; None: it was not.
    """

    id: UUID
    name: str
    role: Role
    created: Timestamp
    created_by: str
    expires: Timestamp | None = None
    last_used: Timestamp | None = None
    revoked: Timestamp | None = None


class CreatedApiKey(ApiKey):
    """A key that was just made.

    Attributes:
        key: The whole key. It is shown this once: the server keeps only a hash of its secret.
    """

    key: str


class AuditRecord(Answer):
    """Something that was changed, or a try that was refused.

    Attributes:
        id: Grows with time.
        timestamp: When, by the database's clock.
        actor: The name of the API key, `local` or `anonymous`.
        api_key_id: The API key.
        role: The role that the actor had then.
        action: The operation, by its id in the OpenAPI document.
        target: The path it was asked of, decoded.
        fields: Which fields the body had. Their values are not kept, as they may be secrets.
        refused: Whether the actor's role did not allow it; then nothing was changed.
        source: The address it came from.
    """

    id: int
    timestamp: Timestamp
    actor: str
    api_key_id: UUID | None = None
    role: Role
    action: str
    target: str
    fields: list[str]
    refused: bool
    source: str | None = None


def mask_key(text: str) -> str:
    """Write an API key so that people know which one it is, and nobody can use it."""
    found = KEY_PATTERN.fullmatch(text)
    return f"alisio_{found[1]}_***" if found else "***"
