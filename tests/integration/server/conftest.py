"""A server on a free port: one process over SQLite, or three that share a PostgreSQL."""

from __future__ import annotations

import selectors
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgres import Postgres

WORKERS = 3
PROGRAM = textwrap.dedent(
    """
    import logging, sys
    from pathlib import Path
    from alisio_server.embedded import serve
    from alisio_server.settings import ServerSettings

    logging.basicConfig(level=logging.WARNING)
    home, url, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    settings = ServerSettings(url, home, port=0, tick_seconds=0.2, workers=workers)
    serve(settings, on_ready=lambda url: print(url, flush=True))
    print("ended", flush=True)
    """
)


@dataclass
class Server:
    """A server that runs, and a client of it."""

    process: subprocess.Popen[str]
    url: str
    home: Path
    database_url: str
    client: httpx.Client

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a request with a JSON body to a path below /api."""
        return self.client.request(method, f"{self.url}{path}", json=body, **options)

    def create_deployment(self, **more: Any) -> str:
        """Create a pool named `pool` and a deployment in it; returns its id."""
        self.ask("POST", "/work-pools", {"name": "pool"})
        spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "pool", **more}
        answer = self.ask("POST", "/deployments", spec)
        assert 200 == answer.status_code, answer.text
        return str(answer.json()["id"])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; returns the exit code and what was written to the standard output after the address."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=45)
        return self.process.returncode, output.strip()


def start(home: Path, database_url: str, workers: int = 1) -> Server:
    """Start a server and wait until it answers."""
    errors = (home / "stderr.txt").open("w")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), database_url, str(workers)],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    errors.close()
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(timeout=60), (home / "stderr.txt").read_text()
    url = process.stdout.readline().strip()
    assert url, (home / "stderr.txt").read_text()
    return Server(process, url, home, database_url, httpx.Client(timeout=60))


@contextmanager
def started(kind: str, home: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server over one kind of database, which is ended with its processes whatever became of it."""
    with ExitStack() as stack:
        if kind == "sqlite":
            server = start(home, f"sqlite:///{home}/alisio.db")
        else:
            postgres: Postgres = request.getfixturevalue("postgres")
            server = start(home, stack.enter_context(postgres.database()), WORKERS)
        stack.callback(end, server)
        yield server


def end(server: Server) -> None:
    """End what is left of a server."""
    server.client.close()
    # Its workers end with it.
    server.process.kill()
    server.process.wait()
    if server.process.stdout is not None:
        server.process.stdout.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of this test."""
    with started(request.param, tmp_path, request) as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of a module share, for what leaves nothing behind that others mind."""
    with started(request.param, tmp_path_factory.mktemp("server"), request) as server:
        yield server
        assert (0, "ended") == server.stop()
        assert "" == (server.home / "stderr.txt").read_text()
