"""Finding the server: the address of the settings, else a live server on this machine's database, else none.

A server that runs on this machine says so in `<home>/server.json`. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alisio.settings import Settings
from alisio.utilities.files import write_whole

if TYPE_CHECKING:
    from http.client import HTTPConnection

_HEALTH_SECONDS = 1.0

# As SQLAlchemy reads what follows the `://`: a password ends at the `@`, whatever else is in it.
_DATABASE_SERVER = re.compile(
    r"(?:[^:/]*(?::[^@]*)?@)?(?P<host>\[[^\]/?]+\]|[^/:?]+)?(?::(?P<port>[^/?]*))?(?P<name>/[^?]*)?"
)


@dataclass(frozen=True)
class ServerRecord:
    """What a server says of itself in `<home>/server.json`.

    Attributes:
        pid: Its process.
        url: Its API's address, which ends in `/api`.
        database_url: Which database it works on, without the password.
        started: When it began to listen, ISO 8601 in UTC.
        birth: See `birth_of`.
    """

    pid: int
    url: str
    database_url: str
    started: str
    birth: str | None = None

    def has_process(self) -> bool:
        """Tell whether its process is there; another that was given the same id since is not it."""
        return process_exists(self.pid) and self.birth in (None, birth_of(self.pid))


def find_server(settings: Settings) -> str | None:
    """Find the API to talk to.

    Args:
        settings: The settings that hold.

    Returns:
        The API's address, or None: work on the database in this process.
    """
    if settings.api_url is not None:
        return settings.api_url
    record = read_record(settings.home)
    if record is None or record.database_url != public_address(settings.api_database_connection_url):
        return None
    return record.url if is_alive(record) else None


def record_path(home: Path) -> Path:
    """Tell where a server's record lies."""
    return home / "server.json"


def read_record(home: Path) -> ServerRecord | None:
    """Read the record of the server of a home; None where there is none that can be read."""
    try:
        content = json.loads(record_path(home).read_bytes())
        return ServerRecord(
            int(content["pid"]),
            str(content["url"]),
            str(content["database_url"]),
            str(content["started"]),
            content.get("birth"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(settings: Settings, url: str) -> None:
    """Say that this process is a server, whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    record = ServerRecord(
        pid=os.getpid(),
        url=url,
        database_url=public_address(settings.api_database_connection_url),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        birth=birth_of(os.getpid()),
    )
    write_whole(record_path(settings.home), json.dumps(asdict(record)))


def remove_record(home: Path) -> None:
    """Take away this process's record; another's is left alone."""
    record = read_record(home)
    if record is not None and record.pid == os.getpid():
        with suppress(OSError):
            record_path(home).unlink()


def is_alive(record: ServerRecord) -> bool:
    """Tell whether the server of a record lives: its process is there and its API answers within a second."""
    return record.has_process() and answers(record.url)


def process_exists(pid: int) -> bool:
    """Tell whether a process of that id runs. One that has ended but was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _proc_stat(pid)[:1] != ["Z"]


def birth_of(pid: int) -> str | None:
    """Tell a process apart from all others that had or will have its id: by when it began.

    Returns:
        Clock ticks since the host began, field 22 of proc(5)'s stat; None where there is no `/proc`.
    """
    fields = _proc_stat(pid)
    return fields[19] if fields else None


def _proc_stat(pid: int) -> list[str]:
    """Read the fields after the process's name, which may hold anything; none where there is no `/proc`."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def answers(api_url: str) -> bool:
    """Tell whether an API says within a second that it is healthy."""
    # Most scripts find no server's record, and never need this.
    from http.client import HTTPException

    address = urlsplit(api_url)
    connection = _connect(address.scheme == "https", address.hostname or "", address.port)
    try:
        connection.request("GET", f"{address.path}/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _connect(secure: bool, host: str, port: int | None) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    if not secure:
        return HTTPConnection(host, port, timeout=_HEALTH_SECONDS)
    import ssl

    # Whether somebody answers is all that is asked, and nothing is told: the client that follows looks at the
    # certificate, which is seldom made out to the address of this machine.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=_HEALTH_SECONDS, context=context)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is one of this machine alone."""
    # Most scripts open no connection, and never need this.
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def public_address(database_url: str) -> str:
    """Write a database's address so that equal databases compare equal, and no password shows.

    The names of drivers and the ways to write a home folder fall away.
    """
    scheme, _, rest = database_url.partition("://")
    kind = scheme.partition("+")[0].replace("postgresql", "postgres")
    if kind == "sqlite":
        path = rest.partition("?")[0].removeprefix("/")
        return f"sqlite:///{Path(path).expanduser().resolve()}"
    found = _DATABASE_SERVER.match(rest)
    host, port, name = found.groups() if found else (None, None, None)
    # After the last `@`: in a password that was not percent-encoded there may be more of them.
    server = (host or "").rpartition("@")[2].strip("[]").lower()
    return f"{kind}://{server}:{port or 5432}{name or ''}"
