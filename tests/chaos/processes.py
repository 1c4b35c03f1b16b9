"""The processes that the storm beats on: servers and agents, which come back after they were killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.backends import ALISIO, clean_environment


class Restartable:
    """A process that can be killed and started again.

    Args:
        name: What it is called in reports.
        command: What to execute.
        environment: Its variables.
        folder: Where its output goes, to `<name>.log`, and where it works.
    """

    def __init__(self, name: str, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._environment = environment
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives, or is stopped."""
        return self._process is not None and self._process.poll() is None

    def start(self, **more: str) -> None:
        """Start it, with more variables."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment | more,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self, number: signal.Signals, timeout: float = 30.0) -> None:
        """Send it a signal that ends it, and wait for that."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"{self.name} did not end within {timeout:g} s of {number.name}") from None

    def family(self) -> list[psutil.Process]:
        """List it and all that descends from it."""
        try:
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def make_server(number: int, folder: Path, settings: dict[str, Any], environment: dict[str, str]) -> Restartable:
    """Make an API process.

    Args:
        number: Which of them it is.
        folder: The storm's; objects are kept in `home/` there, the bell's falseness is read from `bell.json`.
        settings: More of `ServerSettings`.
        environment: More variables.
    """
    settings = {"home": str(folder / "home"), **settings}
    options: dict[str, Any] = {"settings": settings, "bell": str(folder / "bell.json")}
    command = [sys.executable, "-m", "tests.chaos.launcher", json.dumps(options)]
    variables = clean_environment(folder / "home") | environment
    paths = [str(Path(__file__).parents[2]), *filter(None, [variables.get("PYTHONPATH")])]
    variables["PYTHONPATH"] = os.pathsep.join(paths)
    return Restartable(f"server-{number}", command, variables, folder)


def make_agent(name: str, folder: Path, api_url: str, options: list[str], environment: dict[str, str]) -> Restartable:
    """Make an agent, on a host of its own as far as its files go.

    Args:
        name: What it is called.
        folder: The storm's; the agent's home is a folder in it, by its name.
        api_url: How it reaches the API.
        options: More options of `alisio agent start`.
        environment: More variables.
    """
    (folder / name).mkdir()
    command = [*ALISIO, "agent", "start", "--pool", "storm", "--name", name, *options]
    book = {"CHAOS_BOOK": str(folder / "book"), "ALISIO_API_URL": api_url}
    return Restartable(name, command, clean_environment(folder / name) | book | environment, folder)
