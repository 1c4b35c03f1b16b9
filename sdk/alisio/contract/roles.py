"""Who callers are and what they may do. Standard library only: every script needs it."""

from __future__ import annotations

from enum import StrEnum

LOCAL = "local"
"""The actor who works on the database itself, without a server."""

ANONYMOUS = "anonymous"
"""The actor at a server on which no API key was made yet."""


class Role(StrEnum):
    """What an API key is for. See docs/security.md for what each may do."""

    VIEWER = "viewer"
    AGENT = "agent"
    DEPLOYER = "deployer"
    ADMIN = "admin"
