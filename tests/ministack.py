"""ministack: AWS on this machine for tests, in a Python environment of its own that `make unit` installs."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from alisio.cloud.local.ministack import variables
from tests.waiting import wait_until

PROGRAM = Path(__file__).parents[1] / ".venv-ministack" / "bin" / "ministack"
REGION = "eu-south-2"


class Ministack:
    """One ministack on a free port of 127.0.0.1, whose state lies in a folder of its own.

    Args:
        folder: Where its state and its log go.
        command: What starts it.
    """

    def __init__(self, folder: Path, command: Sequence[str] = (str(PROGRAM),)) -> None:
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port: int = listener.getsockname()[1]

    @staticmethod
    def is_installed() -> bool:
        """Tell whether there is one to start."""
        return PROGRAM.exists()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process, from which those of functions descend."""
        assert self._process is not None, "ministack does not run"
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which boto3 finds it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def start(self) -> None:
        """Start it, and wait until it answers. After `stop` it is empty again."""
        log = self._folder / "ministack.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=variables(self._folder, self.port),
                cwd=self._folder,
                stdout=output,
                stderr=output,
            )
        wait_until(self._is_healthy, 80, lambda: f"ministack to answer\n{log.read_text(errors='replace')}")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/_ministack/health", timeout=30).status_code == 200
        except httpx.TransportError:
            return False
