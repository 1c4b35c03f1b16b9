"""What a server tells of itself to whoever asks."""

from __future__ import annotations

from alisio.contract.base import Answer, Timestamp


class Health(Answer):
    """Answer of `GET /api/health`."""

    status: str
    version: str
    database: str
    """`sqlite` or `postgresql`."""
    last_tick: Timestamp | None = None


class Version(Answer):
    """Answer of `GET /api/version`."""

    version: str
