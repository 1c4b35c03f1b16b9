"""What a server on a laptop is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from alisio_server.database.engine import POOL_SIZE
from alisio_server.orchestration.leases import TICK_SECONDS


@dataclass(frozen=True)
class TlsFiles:
    """With what a server proves who it is.

    Attributes:
        certificate: The file of its certificate, with those of the authorities in between, in PEM.
        key: The file of the certificate's private key, in PEM and without a password.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Retention:
    """How long what is over is kept; None: forever.

    Attributes:
        flow_runs: Ended flow runs with all that is of them: their states, subflow runs, task runs and logs.
        task_runs: The task runs of ended flow runs.
        logs: The log lines of ended flow runs.
        audit_log: The entries of the audit log.
        events: The events that user code has emitted.
    """

    flow_runs: timedelta | None = timedelta(days=365)
    task_runs: timedelta | None = timedelta(days=90)
    logs: timedelta | None = timedelta(days=30)
    audit_log: timedelta | None = timedelta(days=365)
    events: timedelta | None = timedelta(days=30)


@dataclass(frozen=True)
class ServerSettings:
    """Where a server keeps its things, and where it listens.

    Attributes:
        database_url: As `alisio_server.database.engine.normalise_url` reads it.
        home: The folder under which bundles are kept, in `objects/`.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        tick_seconds: Seconds from one tick of the clockwork to the next.
        database_pool_size: How many connections to PostgreSQL each process keeps and uses at once.
        tls: With what it speaks TLS; None: it speaks plain HTTP.
        workers: How many processes share the port; more than one need PostgreSQL.
        sqs_prefix: What the names of SQS queues begin with, where agents hear of work through SQS; None: they ask
            the server by long polls.
        retention: How long what is over is kept.
    """

    database_url: str
    home: Path
    host: str = "127.0.0.1"
    port: int = 0
    tick_seconds: float = TICK_SECONDS
    database_pool_size: int = POOL_SIZE
    tls: TlsFiles | None = None
    workers: int = 1
    sqs_prefix: str | None = None
    retention: Retention = Retention()
