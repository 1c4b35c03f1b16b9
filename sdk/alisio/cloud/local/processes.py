"""Processes that outlive the command that starts them, and are found and ended again by another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alisio.client.discovery import birth_of, process_exists
from alisio.cloud.errors import CloudError

_LOOK_SECONDS = 0.05
_STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Process:
    """A process in a session of its own.

    Attributes:
        pid: Its id, which is its group's too.
        birth: See `alisio.client.discovery.birth_of`.
    """

    pid: int
    birth: str | None

    def is_there(self) -> bool:
        """Tell whether it runs; another that was given the same id since is not it."""
        return process_exists(self.pid) and self.birth == birth_of(self.pid)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it has ended; after 15 s it is killed, with all that it started."""
        if not self.is_there():
            return
        os.kill(self.pid, how)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.is_there() and time.monotonic() < deadline:
            _reap(self.pid)
            time.sleep(_LOOK_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        _reap(self.pid)


def start(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    identity: Mapping[str, Any] | None = None,
) -> Process:
    """Start a process that does not end with this one.

    Args:
        command: The program and its arguments.
        log: Where its output goes; its working directory is the log's folder.
        environment: All variables that it has.
        identity: Who it runs as, as `subprocess.Popen` takes it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **(identity or {}),
        )
    # Another command may end it, and this one need not wait for it.
    process.returncode = 0
    return Process(process.pid, birth_of(process.pid))


def wait_for(process: Process, answers: Callable[[], bool], name: str, log: Path, seconds: float = 60.0) -> None:
    """Wait until a process that was started answers.

    Raises:
        CloudError: It has ended, or does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        if not process.is_there():
            raise CloudError("local_cloud_not_started", f"{name} ended as it started: {_last_line(log)}")
        if time.monotonic() > deadline:
            message = f"{name} did not answer within {seconds:.0f} s; its last words: {_last_line(log)}"
            raise CloudError("local_cloud_not_started", message)
        time.sleep(_LOOK_SECONDS)


def free_port() -> int:
    """Find a port of the loopback address that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _reap(pid: int) -> None:
    """Take notice of the end of a process that may be this one's own."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
