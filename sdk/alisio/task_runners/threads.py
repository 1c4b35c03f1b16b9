"""Tasks on threads: the default."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
        if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
            raise ValueError(f"max_workers must be 1 or more, not {max_workers!r}")
        self.max_workers = max_workers or DEFAULT_WORKERS
        self._pool = ThreadPoolExecutor(self.max_workers, thread_name_prefix="alisio-task")
        self._changing = threading.Lock()
        self._calls: deque[Callable[[], object]] = deque()
        self._workers = 0
        self._unoccupied = 0
        self._closed = False

    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""
        return type(self)(self.max_workers)

    def submit(self, call: Callable[[], object]) -> None:
        """Run a call on the next free thread."""
        with self._changing:
            if self._closed:
                raise RuntimeError("it was shut down")
            # The pool is only given workers, which then take calls: an entry of its own for each call is 1 KB.
            if len(self._calls) >= self._unoccupied and self._workers < self.max_workers:
                self._add_worker()
            self._calls.append(call)

    def _add_worker(self) -> None:
        try:
            self._pool.submit(self._work)
        except RuntimeError:  # the system has no thread left; the pool still gives the work to one that becomes free
            if not self._workers:
                raise
        self._workers += 1
        self._unoccupied += 1

    def shutdown(self) -> None:
        """Take no more calls, and drop those that have not begun."""
        with self._changing:
            self._closed = True
            self._calls.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        """Run calls until there are none, in a thread of the pool."""
        with self._changing:
            self._unoccupied -= 1
        while True:
            with self._changing:
                if not self._calls:
                    self._workers -= 1
                    return
                call = self._calls.popleft()
            with suppress(BaseException):  # a call that breaks its promise does not take the others with it
                call()


ConcurrentTaskRunner = ThreadPoolTaskRunner
"""The name that users of Prefect 2 know it by."""
