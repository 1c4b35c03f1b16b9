"""Processes that a row keeps running: started, waited for, ended."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 120.0


def output_of(
    command: Sequence[str], environment: Mapping[str, str], *, within: float = 300, cwd: Path | None = None
) -> str:
    """Run a command to its end and return what it printed.

    Args:
        command: Program and arguments.
        environment: Its environment.
        within: Seconds after which it is given up.
        cwd: Its folder; None: ours.

    Raises:
        RuntimeError: It failed; the last lines that it printed tell why.
        subprocess.TimeoutExpired: It did not end in time.
    """
    done = subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=within, check=False
    )
    if done.returncode != 0:
        said = "; ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")
    return done.stdout


@contextmanager
def process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a process running; end it afterwards, as a terminal would."""
    started = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_for(ready: Callable[[], bool], *, within: float = READY_SECONDS, every: float = 0.05) -> None:
    """Wait until a condition holds; a server that does not listen yet counts as not.

    Args:
        ready: The condition.
        within: Seconds after which it is given up.
        every: Seconds from one look to the next.

    Raises:
        TimeoutError: It did not come to hold.
    """
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.TransportError:
            pass
        time.sleep(every)
    raise TimeoutError(f"{getattr(ready, '__qualname__', ready)} does not hold after {within:g} s")


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
