"""Flows that are deployed, and run by an agent or a worker."""

from __future__ import annotations

import time
from pathlib import Path

from product import flow, task


@flow
def empty() -> None:
    """Do nothing."""


@flow
def marking(mark: str) -> None:
    """Write down when the first line of user code runs."""
    Path(mark).write_text(repr(time.time()))


@flow
def waiting(flag: str) -> None:
    """Run until a file is there."""
    while not Path(flag).exists():
        time.sleep(0.2)


def fibonacci(n: int) -> int:
    """Compute a Fibonacci number in the naive way, which is the work."""
    return n if n <= 1 else fibonacci(n - 1) + fibonacci(n - 2)


@task
def fibonacci_task(n: int) -> int:
    """Compute one number."""
    return fibonacci(n)


@flow
def fibonacci_flow(count: int, n: int) -> None:
    """Compute it in tasks, one after another."""
    for _ in range(count):
        fibonacci_task(n)
