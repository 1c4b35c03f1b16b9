"""A PostgreSQL for rows, as earnest as one elsewhere: what it has committed is on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.postgres import Postgres

# Tests switch the first two off. The memory is what the smallest database of AWS has for it.
_SETTINGS = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB", "max_wal_size": "2GB"}


@contextmanager
def postgres(settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """Start a server of its own for a row; end it, and remove its folder, afterwards.

    Args:
        settings: Further ones, as postgresql.conf names them.
    """
    server = Postgres({**_SETTINGS, **(settings or {})})
    try:
        server.start()
        yield server
    finally:
        server.close()
