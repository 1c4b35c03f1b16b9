"""The process of a server on this machine: starting it here or in the background, and stopping it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alisio.cli.errors import CommandError
from alisio.cli.server_access import guard_start
from alisio.client.discovery import (
    ServerRecord,
    answers,
    is_alive,
    read_record,
    record_path,
    remove_record,
    write_record,
)
from alisio.settings import Settings

_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class ServerPlace:
    """Where a server is to listen, and how.

    Attributes:
        host: The address.
        port: The port; 0 takes a free one.
        workers: How many processes share it.
        tls: The files of the certificate and of its key; None: it speaks plain HTTP.
    """

    host: str
    port: int
    workers: int = 1
    tls: tuple[Path, Path] | None = None


def run_here(
    settings: Settings, place: ServerPlace, say: Callable[[str], None], *, create_admin_key: bool = False
) -> None:
    """Run a server in this process until it is told to stop.

    Args:
        settings: Where its database and files lie.
        place: Where to listen.
        say: Shows a line to the user.
        create_admin_key: Whether to make the first API key before.

    Raises:
        AlisioError: The place is in use, or beyond this machine with no API key made; a server runs already; or the
            database or the disk cannot be used.
    """
    from alisio.client.embedded import serve

    _prepare(settings, place, create_admin_key)

    def on_ready(url: str) -> None:
        write_record(settings, url)
        say(f"Alisio's API is at {url} (stop it with ctrl+c or `alisio server stop`)")

    try:
        serve(settings, host=place.host, port=place.port, workers=place.workers, tls=place.tls, on_ready=on_ready)
    finally:
        remove_record(settings.home)


def run_in_background(
    settings: Settings, place: ServerPlace, *, create_admin_key: bool = False
) -> tuple[ServerRecord, Path]:
    """Run a server in a process of its own, and wait until it answers; see `run_here`.

    Returns:
        The server's record, and the file that its output goes to.

    Raises:
        AlisioError: It did not start; the text is what it said.
    """
    _prepare(settings, place, create_admin_key)
    log_file = settings.home / "server.log"
    command = [sys.executable, "-m", "alisio.cli", "server", "start", "--host", place.host, "--port", str(place.port)]
    command += ["--workers", str(place.workers)]
    if place.tls is not None:
        command += ["--tls-certificate", str(place.tls[0]), "--tls-key", str(place.tls[1])]
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        record = read_record(settings.home)
        if record is not None and record.pid == process.pid and answers(record.url):
            return record, log_file
        if process.poll() is not None:
            raise CommandError(_last_line(log_file))
        time.sleep(_LOOK_SECONDS)
    process.terminate()
    raise CommandError(f"the server did not answer within {_START_SECONDS:.0f} s; see {log_file}")


def stop_server(settings: Settings) -> int | None:
    """Stop the server of a home, and wait until its process has ended.

    Returns:
        The process that was stopped; None where none ran.

    Raises:
        CommandError: What the record names does not answer, may not be stopped, or does not end.
    """
    record = read_record(settings.home)
    if record is None or not record.has_process():
        return None
    if not answers(record.url):
        raise CommandError(
            f"process {record.pid}, which {record_path(settings.home)} names, does not answer at {record.url}; "
            f"if it is the server, end it with `kill {record.pid}`, else remove the file"
        )
    try:
        os.kill(record.pid, signal.SIGTERM)
    except PermissionError as error:
        raise CommandError(f"process {record.pid} belongs to another user; stop the server as that user") from error
    deadline = time.monotonic() + _STOP_SECONDS
    while record.has_process():
        if time.monotonic() > deadline:
            raise CommandError(f"process {record.pid} still runs after {_STOP_SECONDS:.0f} s; see its log")
        time.sleep(_LOOK_SECONDS)
    return record.pid


def refuse_while_running(settings: Settings, advice: str) -> None:
    """Refuse to go on where a server of this home lives.

    Raises:
        CommandError: One does.
    """
    record = read_record(settings.home)
    if record is not None and is_alive(record):
        raise CommandError(f"a server runs already at {record.url} as process {record.pid}; {advice}")


def _prepare(settings: Settings, place: ServerPlace, create_admin_key: bool) -> None:
    refuse_while_running(settings, "stop it with `alisio server stop`")
    _make_home(settings.home)
    guard_start(settings, place.host, tls=place.tls is not None, create_admin_key=create_admin_key)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot make the folder {home}: {error.strerror}; set ALISIO_HOME to another") from error


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else f"the server ended at once; see {log_file}"
