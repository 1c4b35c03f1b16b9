"""Reading when the clockwork last ticked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from alisio_server.database.tables import clockwork


def last_tick(connection: Connection) -> datetime | None:
    """Tell when the last tick was; None where there was none yet."""
    return connection.execute(select(clockwork.c.last_tick)).scalar_one_or_none()
