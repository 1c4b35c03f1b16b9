"""The server on a laptop: inside a process that has none, or as one process that listens.

`open_backend` is part of every script that runs without a server, so importing this module is cheap: the routes,
uvicorn and Alembic come in only when they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from alisio_server.adapters.laptop.key_file import KeyFileCipher
from alisio_server.adapters.laptop.objects import FileObjectStore
from alisio_server.adapters.laptop.silence import Silence
from alisio_server.database import migrate
from alisio_server.database.engine import Database
from alisio_server.ports import WakeUps
from alisio_server.services import Services
from alisio_server.settings import ServerSettings

if TYPE_CHECKING:
    from alisio.contract.maintenance import TableStats
    from alisio.contract.reports import Report, ReportAnswer
    from alisio_server.app import Api


class Backend:
    """The API without a network: what an HTTP server would answer, by a call."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._api: Api | None = None

    def handle(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request.

        Args:
            method: In upper case.
            path: From `/api/` on, percent-encoded.
            query: Parameters, not encoded.
            headers: Of the request.
            body: The raw body.

        Returns:
            The status, the headers (names in lower case) and the body. Errors are answers too.
        """
        from alisio_server.access.gate import LocalGate
        from alisio_server.app import Api
        from alisio_server.events import to_answer, to_event

        if self._api is None:
            self._api = Api(self._services, LocalGate())
        lower = [(name.lower(), value) for name, value in headers.items()]
        event = to_event(method, path, urlencode(query), lower, body)
        answer = to_answer(self._api.resolve(event))
        return answer.status, answer.headers, answer.body

    def apply_report(self, run_id: UUID, report: Report) -> ReportAnswer:
        """Apply an executor's report, without the detour over the routes.

        Raises:
            AlisioServerError: It is stale, out of order, or does not fit.
        """
        from alisio_server.orchestration.reports import apply_report

        with self._services.transaction() as tx:
            return apply_report(tx, run_id, report)

    def tick(self) -> None:
        """Do one tick of the clockwork, which nothing else does where no server runs."""
        from alisio_server.orchestration.tick import tick

        tick(self._services)

    def close(self) -> None:
        """Close the database's connections."""
        self._services.database.dispose()


def open_backend(settings: ServerSettings) -> Backend:
    """Open the database, bring it to this release's revision if need be, and put the API around it.

    Raises:
        AlisioServerError: The address cannot be read, or the database is of a newer release.
        sqlalchemy.exc.OperationalError: The database cannot be opened.
        OSError: The folder of the database cannot be made.
    """
    services = open_services(settings, Silence())
    if not services.database.is_sqlite:
        from alisio_server.adapters.laptop.notices import Notifier

        services = replace(services, wake_ups=Notifier(services.database))
    return Backend(services)


def open_services(settings: ServerSettings, wake_ups: WakeUps) -> Services:
    """Compose what the API works with on a laptop.

    Args:
        settings: Where the database and the objects are.
        wake_ups: The bell.

    Raises:
        AlisioServerError: As for `open_backend`.
    """
    database = Database(settings.database_url, settings.database_pool_size)
    migrate.upgrade(database)
    objects = FileObjectStore(settings.home / "objects")
    cipher = KeyFileCipher(_key_file(database, settings.home))
    return Services(database, wake_ups, objects, settings.retention, cipher=cipher)


def _key_file(database: Database, home: Path) -> Path:
    """Tell where the keys of secrets lie: beside SQLite's file, or in the home."""
    if database.is_sqlite and database.url.database is not None:
        return Path(f"{database.url.database}.key")
    return home / "encryption.key"


def open_server_services(settings: ServerSettings, wake_ups: WakeUps) -> Services:
    """Compose what a listening server works with; `wake_ups` rings its long polls."""
    sqs = None
    if settings.sqs_prefix is not None:
        from alisio_server.adapters.aws.sqs import open_sqs

        sqs = open_sqs(settings.sqs_prefix)
    services = open_services(settings, wake_ups)
    return services if sqs is None else replace(services, wake_ups=sqs, queues=sqs)


def serve(settings: ServerSettings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve the API over HTTP, and tick, until SIGINT or SIGTERM.

    Args:
        settings: Where to listen, and where things are kept.
        on_ready: Called with the address of the API (`http://…/api`) once it answers.

    Raises:
        ConflictError: The port is in use.
        InvalidInputError: The host is none of this machine.
    """
    from alisio_server.adapters.laptop.listening import listen

    listen(settings, partial(open_server_services, settings), on_ready=on_ready)


def upgrade_database(url: str, revision: str = "head") -> str | None:
    """Bring a database to a newer revision, by default this release's; returns the revision it is then at."""
    database = Database(url)
    try:
        migrate.upgrade(database, revision)
        return migrate.current_revision(database)
    finally:
        database.dispose()


def downgrade_database(url: str, revision: str = "-1") -> str | None:
    """Take a database back to an older revision, by default by one; returns the revision it is then at."""
    database = Database(url)
    try:
        migrate.downgrade(database, revision)
        return migrate.current_revision(database)
    finally:
        database.dispose()


def read_database_stats(settings: ServerSettings) -> list[TableStats]:
    """Count what is in every table, and what the retention lets go."""
    from alisio_server.orchestration.database_stats import read_stats

    database = Database(settings.database_url)
    try:
        migrate.upgrade(database)
        return read_stats(database, settings.retention)
    finally:
        database.dispose()


def vacuum_database(url: str) -> None:
    """Give the space of removed rows back.

    Raises:
        sqlalchemy.exc.OperationalError: The database is away, or SQLite's file in use, or the disk has no room for a
            copy of it.
    """
    from alisio_server.orchestration.database_stats import vacuum

    database = Database(url)
    try:
        migrate.upgrade(database)
        vacuum(database)
    finally:
        database.dispose()


def reset_database(url: str) -> None:
    """Remove everything from a database and make its tables anew."""
    database = Database(url)
    try:
        migrate.reset(database)
    finally:
        database.dispose()
