"""Where the scenarios run. A back end starts an Alisio, says how to reach it, and takes it away again."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import httpx
import psutil

from tests.postgres import Postgres
from tests.waiting import wait_until

SHARED_CLOUD = "TEST_CLOUD"
"""The variable that holds, as JSON, the variables of a local cloud that several processes of pytest share."""

ALISIO = (sys.executable, "-m", "alisio.cli")
"""The `alisio` command of the Python that runs the tests."""


class Backend(Protocol):
    """An Alisio that scenarios can be run against.

    Attributes:
        api_url: Ends in `/api`.
        environment: Variables for every command of a scenario.
        patience: How many times as long as on a laptop, whose clock ticks every 5 s, things may take.
    """

    api_url: str
    environment: dict[str, str]
    patience: float

    def start(self) -> None:
        """Bring it up; return when it answers."""

    def stop(self) -> None:
        """Take it away, and fail if it left anything running."""


class LaptopBackend:
    """A server on a free port of this machine.

    Args:
        folder: Its files.
        options: More options of `alisio server start`.
        environment: More variables of the server.
    """

    patience = 1.0

    def __init__(self, folder: Path, options: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        port = free_port()
        self.folder = folder
        self.api_url = f"http://127.0.0.1:{port}/api"
        self.environment = clean_environment(home=folder / "home") | {
            "ALISIO_API_URL": self.api_url,
            "ALISIO_SERVER_API_PORT": str(port),
        }
        self._options = options
        self._server_environment = self.environment | (environment or {})
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start `alisio server start`, and wait for its health."""
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                [*ALISIO, "server", "start", *self._options],
                env=self._server_environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: is_healthy(self.api_url), 80, lambda: f"the server to answer\n{self.log.read_text()}")

    def stop(self) -> None:
        """End the server as Ctrl-C does; whatever still runs in its home after that is killed, and a failure."""
        assert self._server is not None
        self._server.send_signal(signal.SIGINT)
        self._server.wait(timeout=60)
        left = processes_in(self.environment["ALISIO_HOME"])
        commands = [process.info["cmdline"] for process in left]
        for process in left:
            process.kill()
        assert [] == commands, "processes were left behind"
        assert 0 == self._server.returncode, self.log.read_text()


class PostgresBackend:
    """Three server processes that share a port and a PostgreSQL of their own."""

    patience = 1.0

    def __init__(self, folder: Path) -> None:
        self._postgres = Postgres()
        self._postgres.start()
        url = self._postgres.create_database()
        self._server = LaptopBackend(folder, ["--workers", "3"], {"ALISIO_API_DATABASE_CONNECTION_URL": url})
        self.api_url, self.environment = self._server.api_url, self._server.environment

    def start(self) -> None:
        """Start the server, and wait for its health."""
        self._server.start()

    def stop(self) -> None:
        """End the server, and the database whatever became of it."""
        try:
            self._server.stop()
        finally:
            self._postgres.close()


class CloudBackend:
    """The stage `local`, deployed by the CDK to a cloud on this machine: HTTP API, functions, SQS, S3, PostgreSQL.

    Deploying takes a minute. Where `python -m tests.cloud` has one running, which it takes down itself, that is used.
    """

    # Its clock ticks every minute.
    patience = 6.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api_url = ""
        # What may be kept between sessions, such as ministack's Python environment, lies in the user's own cache.
        self.environment = clean_environment(home=folder / "home")

    def start(self) -> None:
        """Bring it up as users do, and take over the variables that it tells them to set."""
        if SHARED_CLOUD in os.environ:
            self.environment |= json.loads(os.environ[SHARED_CLOUD])
            self.api_url = self.environment["ALISIO_API_URL"]
            return
        with (self.folder / "up.log").open("wb") as log:
            command = [*ALISIO, "cloud", "up", "--local", "--port", "0"]
            done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True)
        assert 0 == done.returncode, "\n".join((self.folder / "up.log").read_text().splitlines()[-40:])
        told = [line.removeprefix("export ").partition("=") for line in done.stdout.splitlines()]
        self.environment |= {name: shlex.split(value)[0] for name, _, value in told}
        self.api_url = self.environment["ALISIO_API_URL"]

    def stop(self) -> None:
        """Take it down, and fail if it left anything running."""
        if SHARED_CLOUD in os.environ:
            return
        record = Path(self.environment["ALISIO_HOME"]) / "local-cloud.json"
        started = json.loads(record.read_text()) if record.exists() else None
        subprocess.run([*ALISIO, "cloud", "down"], env=self.environment, check=True)
        if started is not None:
            pids = (started["aws"]["pid"], started["database"]["pid"])
            assert [] == [pid for pid in pids if _lives(pid)], "processes were left behind"
            assert not Path(started["folder"]).exists()


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "laptop": LaptopBackend,
    "postgres": PostgresBackend,
    "cloud": CloudBackend,
}
"""What scenarios run on: each of them those of `--backends`."""


def clean_environment(home: Path) -> dict[str, str]:
    """Take this process's variables without its own Alisio settings, and with a home of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
    return ours | {"ALISIO_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"}


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """Find a port of the loopback address that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_healthy(api_url: str) -> bool:
    """Tell whether a server answers at the address."""
    try:
        return httpx.get(f"{api_url}/health", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def processes_in(folder: str) -> list[psutil.Process]:
    """List the living processes whose `ALISIO_HOME` is the folder or lies in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        environment = process.info["environ"] or {}
        if environment.get("ALISIO_HOME", "").startswith(folder) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
