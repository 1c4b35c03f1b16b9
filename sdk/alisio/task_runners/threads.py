"""Tasks on threads: the default."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from alisio.task_runners.base import TaskRunner

DEFAULT_WORKERS = 250
"""Tasks mostly wait for others, so there are many; but ten thousand mapped tasks are not ten thousand threads."""


class ThreadPoolTaskRunner(TaskRunner):
    """Runs submitted tasks concurrently, each on a thread.

    A task that waits for tasks it has itself submitted keeps its thread meanwhile: `max_workers` must be more
    than the number of tasks that wait in that way.

    Args:
        max_workers: How many tasks run at once; 250 where it is not given.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be 1 or more, not {max_workers!r}")
        self.max_workers = max_workers or DEFAULT_WORKERS
        self._pool = ThreadPoolExecutor(self.max_workers, thread_name_prefix="alisio-task")

    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""
        return type(self)(self.max_workers)

    def submit(self, call: Callable[[], object]) -> None:
        """Run a call on the next free thread."""
        self._pool.submit(call)

    def shutdown(self) -> None:
        """Take no more calls, and drop those that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)


ConcurrentTaskRunner = ThreadPoolTaskRunner
"""The name that users of Prefect 2 know it by."""
