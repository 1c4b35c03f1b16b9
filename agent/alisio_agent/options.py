"""What an agent is told when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID


@dataclass(frozen=True)
class AgentOptions:
    """What an agent is told.

    Attributes:
        work_pool_name: The pool it serves.
        queues: The queues it serves; None: all of the pool.
        limit: How many runs at once; None: as many as come.
        name: What people know it by; host and process id where it is not given.
        warm_start: Whether to keep a fork server, so that runs start in tens of milliseconds.
        drain_seconds: How long it waits for the runs that it has started once it is told to stop; 0: they go on
            without it, which they cannot in a container of its own.
    """

    work_pool_name: str
    queues: tuple[str, ...] | None = None
    limit: int | None = None
    name: str | None = None
    warm_start: bool = True
    drain_seconds: int = 0


@dataclass(frozen=True)
class Identity:
    """Who an agent is, to the server and to supervisors.

    Attributes:
        api_url: The API that it and its supervisors talk to.
        home: The folder of Alisio on this host.
        api_key: The API key that they show it, where it wants one.
    """

    agent_id: UUID
    name: str
    work_pool_name: str
    queues: list[str] | None
    limit: int | None
    api_url: str
    home: Path
    api_key: str | None = field(default=None, repr=False)
