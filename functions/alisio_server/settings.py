"""What a server on a laptop is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alisio_server.orchestration.leases import TICK_SECONDS


@dataclass(frozen=True)
class ServerSettings:
    """Where a server keeps its things, and where it listens.

    Attributes:
        database_url: As `alisio_server.database.engine.normalise_url` reads it.
        home: The folder under which bundles are kept, in `objects/`.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        tick_seconds: Seconds from one tick of the clockwork to the next.
    """

    database_url: str
    home: Path
    host: str = "127.0.0.1"
    port: int = 0
    tick_seconds: float = TICK_SECONDS
