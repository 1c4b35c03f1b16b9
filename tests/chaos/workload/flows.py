"""The flows of the storm. Whatever they do, they write it into a book that Alisio knows nothing of."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from alisio import flow, runtime, task

MANY = 1_000
"""Retries, for flows that are to complete whatever happens to them."""


def _write(label: str, event: str) -> None:
    # The disk that the storm fills is Alisio's; the book lies elsewhere.
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    run, attempt = os.environ["CHAOS_RUN"], os.environ["CHAOS_ATTEMPT"]
    line = f"{run} {attempt} {label} {event} {os.getpid()} {time.monotonic():.3f}\n"
    book = os.open(os.environ["CHAOS_BOOK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(book, line.encode())
        os.fsync(book)
    finally:
        os.close(book)


@contextmanager
def entry(label: str) -> Iterator[None]:
    """Write that something begins, and that it has ended in order; one line of log says so too."""
    _write(label, "begin")
    print(f"mark {label}")
    yield
    _write(label, "end")


def _open_book() -> None:
    """Note which attempt of which run this process is, for all that it executes."""
    os.environ["CHAOS_RUN"] = str(runtime.flow_run.id)
    os.environ["CHAOS_ATTEMPT"] = str(runtime.flow_run.run_count)


@task(log_prints=True)
def step(number: int, seconds: float = 0.0) -> int:
    """Take a while."""
    with entry(f"step-{number}"):
        time.sleep(seconds)
    return number


@task(log_prints=True, retries=1)
def flaky() -> None:
    """Fail at the first try."""
    count = runtime.task_run.run_count
    with entry(f"flaky-{count}"):
        if count == 1:
            raise RuntimeError("the first try fails")


@flow(log_prints=True, retries=MANY)
def plain() -> None:
    """Do next to nothing."""
    _open_book()
    with entry("main"):
        pass


@flow(log_prints=True, retries=MANY)
def tasks() -> None:
    """Run tasks at once and one after the other, one of which needs its retry."""
    _open_book()
    with entry("main"):
        futures = [step.submit(number) for number in range(3)]
        flaky()
        for future in futures:
            future.result()


@flow(log_prints=True)
def inner(number: int) -> int:
    """Run a task within a subflow."""
    with entry(f"inner-{number}"):
        return step(number)


@flow(log_prints=True, retries=MANY)
def subflows() -> None:
    """Call two subflows."""
    _open_book()
    with entry("main"):
        inner(0)
        inner(1)


@flow(log_prints=True, retries=2)
def failing() -> None:
    """Fail at every attempt."""
    _open_book()
    with entry("main"):
        raise RuntimeError("it always fails")


@flow(log_prints=True, retries=MANY)
def slow(seconds: float) -> None:
    """Take a while, in small steps."""
    _open_book()
    with entry("main"):
        for number in range(4):
            step(number, seconds / 4)


@flow(log_prints=True)
def once(seconds: float) -> None:
    """Take a while, and do not want to be run again."""
    _open_book()
    with entry("main"):
        step(0, seconds)


@flow(log_prints=True, retries=MANY)
def talkative() -> None:
    """Log more than a supervisor keeps in memory."""
    _open_book()
    with entry("main"):
        for _ in range(40):
            print("x" * 60_000)
