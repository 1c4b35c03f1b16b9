"""A server and an agent of their own, in a folder of their own, for rows that need them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.command_time import clean_environment

COMMAND = str(Path(sys.executable).with_name("alisio"))
READY_SECONDS = 30


@dataclass(frozen=True)
class Stack:
    """A running server.

    Attributes:
        home: Its folder, with the database.
        api: A client of its API; paths are relative to `/api/`.
        environment: What processes that use it need.
    """

    home: Path
    api: httpx.Client
    environment: dict[str, str]

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run an `alisio` command to its end and return what it printed."""
        done = subprocess.run(
            [COMMAND, *arguments], env=self.environment, cwd=cwd, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"alisio {' '.join(arguments)} failed: {done.stderr}")
        return done.stdout

    def deploy(self, source: str, flow: str, pool: str) -> str:
        """Deploy a flow given as source text to a new pool, and return the deployment's id."""
        folder = self.home / "projects" / pool
        folder.mkdir(parents=True)
        (folder / "workflow.py").write_text(source)
        self.run("work-pool", "create", pool)
        arguments = ("deploy", f"workflow.py:{flow}", "--name", "bench", "--pool", pool, "--output", "json")
        answer = json.loads(self.run(*arguments, cwd=folder))
        deployment: dict[str, Any] = answer[0] if isinstance(answer, list) else answer
        return str(deployment["id"])

    @contextmanager
    def agent(self, pool: str, limit: int = 10) -> Iterator[None]:
        """Keep an agent running on a pool, from when the server lists it."""
        with _process([COMMAND, "agent", "start", "-p", pool, "--limit", str(limit)], self.environment):
            _wait(lambda: any(a["work_pool_name"] == pool for a in self.api.get("agents").json()["items"]))
            yield


@contextmanager
def stack() -> Iterator[Stack]:
    """Start a server on a free port; end it, and remove its folder, afterwards."""
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        port = _free_port()
        url = f"http://127.0.0.1:{port}/api"
        environment = clean_environment() | {"ALISIO_HOME": folder}
        with (
            _process([COMMAND, "server", "start", "--port", str(port)], environment),
            httpx.Client(base_url=url + "/", timeout=30) as api,
        ):
            _wait(lambda: api.get("health").status_code == 200)
            yield Stack(Path(folder), api, environment | {"ALISIO_API_URL": url})


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(ready: Any) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"not ready after {READY_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
