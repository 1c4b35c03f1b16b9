"""The transport to a server inside this process, and the only place of the SDK that imports the server.

Every import of `alisio_server` is inside a function: the SDK is used without the server wherever
`ALISIO_API_URL` is set.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.client.calls.base import Call, Reply, encode_body
from alisio.client.discovery import public_address
from alisio.contract.base import first_problem
from alisio.contract.reports import Report, ReportAnswer
from alisio.exceptions import ApiUnreachableError, ConflictError, InvalidInputError, NotFoundError
from alisio.settings import Settings

if TYPE_CHECKING:
    from alisio.contract.maintenance import TableStats
    from alisio_server.settings import ServerSettings

_PREFIX = "/api"


class EmbeddedTransport:
    """Hands calls to a backend in this process, which works on the database of the settings."""

    api_url: str | None = None

    def __init__(self, settings: Settings) -> None:
        with local_errors(settings):
            from alisio_server.embedded import open_backend

            self._settings = settings
            # The backend answers one request at a time, as it does in Lambda.
            self._turn = threading.Lock()
            self._backend = open_backend(server_settings(settings))

    def send(self, call: Call[Any]) -> Reply:
        """Let the backend answer a call; see `Transport.send`."""
        content, content_type = encode_body(call.body)
        headers = {"accept": "application/json"}
        if content_type is not None:
            headers["content-type"] = content_type
        with self._turn, local_errors(self._settings):
            status, _, answer = self._backend.handle(
                call.method, _PREFIX + call.path, dict(call.query), headers, content
            )
        return Reply(status, answer)

    def send_report(self, flow_run_id: UUID, report: Mapping[str, Any]) -> ReportAnswer:
        """Apply a report without the detour over routes; see `Transport.send_report`."""
        with local_errors(self._settings):
            return self._backend.apply_report(flow_run_id, Report.model_validate(report))

    def tick(self) -> None:
        """Do one tick, since no server does: late runs and ended leases come up to date."""
        with local_errors(self._settings):
            self._backend.tick()

    def close(self) -> None:
        """Close the database."""
        self._backend.close()


def server_settings(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int = 1,
    tls: tuple[Path, Path] | None = None,
) -> ServerSettings:
    """Say to the server what the settings say.

    Args:
        settings: The settings that hold.
        host: What to listen on, in place of what they say.
        port: Likewise.
        workers: How many processes are to serve.
        tls: The files of the certificate and of its key.
    """
    from alisio_server.settings import Retention, ServerSettings, TlsFiles

    return ServerSettings(
        database_url=settings.api_database_connection_url,
        home=settings.home,
        host=host or settings.server_api_host,
        port=settings.server_api_port if port is None else port,
        retention=Retention(
            flow_runs=_kept(settings.retention_flow_runs),
            task_runs=_kept(settings.retention_task_runs),
            logs=_kept(settings.retention_logs),
            audit_log=_kept(settings.retention_audit_log),
            events=_kept(settings.retention_events),
        ),
        database_pool_size=settings.api_database_pool_size,
        workers=workers,
        sqs_prefix=settings.sqs_prefix if settings.wake_ups == "sqs" else None,
        tls=None if tls is None else TlsFiles(*tls),
    )


def _kept(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int,
    tls: tuple[Path, Path] | None,
    on_ready: Callable[[str], None],
) -> None:
    """Run a server until it is told to stop by SIGINT or SIGTERM.

    Args:
        settings: Where the database and the files lie.
        host: The address to listen on.
        port: The port to listen on; 0: any free one.
        workers: How many processes serve on that port.
        tls: The files of the certificate and of its key; None: it speaks plain HTTP.
        on_ready: Called with the server's address once it listens.

    Raises:
        AlisioError: The port is in use, the database or the disk cannot be used, or the database is SQLite and there
            are to be several workers.
    """
    with local_errors(settings):
        from alisio_server import embedded

        served = server_settings(settings, host=host, port=port, workers=workers, tls=tls)
        embedded.serve(served, on_ready=on_ready)


def upgrade_database(settings: Settings) -> str | None:
    """Bring the database to the newest version of its tables, and tell which that is.

    Raises:
        AlisioError: The database cannot be used.
    """
    with local_errors(settings):
        from alisio_server import embedded

        return embedded.upgrade_database(settings.api_database_connection_url)


def downgrade_database(settings: Settings, revision: str) -> str | None:
    """Take the database back to an older version of its tables, and tell at which it is then.

    Args:
        settings: Which database.
        revision: A version, a number of steps such as `-1`, or `base`.

    Raises:
        AlisioError: The database cannot be used, or has no such version.
    """
    with local_errors(settings):
        from alisio_server import embedded

        return embedded.downgrade_database(settings.api_database_connection_url, revision)


def read_database_stats(settings: Settings) -> list[TableStats]:
    """Count what is in every table of the database, and what the retention lets go.

    Raises:
        AlisioError: The database cannot be used.
    """
    with local_errors(settings):
        from alisio_server import embedded

        return embedded.read_database_stats(server_settings(settings))


def vacuum_database(settings: Settings) -> None:
    """Give the space of removed rows back to the disk.

    Raises:
        AlisioError: The database cannot be used.
    """
    with local_errors(settings):
        from alisio_server import embedded

        embedded.vacuum_database(settings.api_database_connection_url)


def reset_database(settings: Settings) -> None:
    """Remove everything from the database.

    Raises:
        AlisioError: The database cannot be used.
    """
    with local_errors(settings):
        from alisio_server import embedded

        embedded.reset_database(settings.api_database_connection_url)


@contextmanager
def local_errors(settings: Settings) -> Iterator[None]:
    """Turn what the server's own code raises into the SDK's errors, as a reply over HTTP would be.

    Raises:
        ApiUnreachableError: The database or the disk cannot be used.
        ApiError: The server's rules refuse.
    """
    try:
        yield
    except Exception as error:
        translated = _translate(error, settings)
        if translated is None:
            raise
        raise translated from error


def _translate(error: Exception, settings: Settings) -> Exception | None:
    from pydantic import ValidationError
    from sqlalchemy.exc import SQLAlchemyError

    from alisio_server import errors

    kinds = (
        (errors.NotFoundError, 404, NotFoundError),
        (errors.ConflictError, 409, ConflictError),
        (errors.InvalidInputError, 422, InvalidInputError),
    )
    for kind, status, translated in kinds:
        if isinstance(error, kind):
            return translated(status, error.code, error.message, error.field)
    if isinstance(error, ValidationError):
        place, reason = first_problem(error.errors())
        return InvalidInputError(422, "invalid_input", f"{place}: {reason}" if place else reason, place or None)
    where = public_address(settings.api_database_connection_url)
    if isinstance(error, SQLAlchemyError):
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return ApiUnreachableError(
            f"cannot use the database {where}: {reason}; check ALISIO_API_DATABASE_CONNECTION_URL and the disk"
        )
    if isinstance(error, OSError):
        return ApiUnreachableError(
            f"cannot use {error.filename or where}: {error.strerror or error}; check ALISIO_HOME and the disk"
        )
    return None
