"""Letting calls run as places for them become free, where how many there are changes with the cluster."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from alisio.task_runners.threads import ThreadPoolTaskRunner

MAX_PLACES = 10_000
"""Each call that runs holds a thread of the flow's process, which waits for the worker."""


class Admission:
    """Runs calls on threads, the first to come first, never more at once than there are places.

    Args:
        places: Tells how many there are now.
    """

    def __init__(self, places: Callable[[], int]) -> None:
        self._places = places
        self._threads = ThreadPoolTaskRunner(MAX_PLACES)
        self._changing = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._taken = 0
        self._closed = False

    def submit(self, call: Callable[[], object]) -> None:
        """Take a call that never raises.

        Raises:
            RuntimeError: It was closed.
        """
        with self._changing:
            if self._closed:
                raise RuntimeError("it was shut down")
            self._waiting.append(partial(self._threads.submit, partial(self._run, call)))
        self.admit()

    def admit(self) -> None:
        """Look whether there are places for what waits."""
        while True:
            with self._changing:
                if not self._waiting or self._taken >= self._places():
                    return
                self._taken += 1
                begin = self._waiting.popleft()
            try:
                begin()
            except RuntimeError:  # it cannot begin: who has submitted it is told, and the place is free again
                with self._changing:
                    self._taken -= 1
                raise

    @contextmanager
    def without_place(self) -> Iterator[None]:
        """Let another call have this one's place meanwhile; then wait for the next that is free."""
        self._leave()
        try:
            yield
        finally:
            free = threading.Event()
            with self._changing:
                self._waiting.appendleft(free.set)
                closed = self._closed
            if not closed:
                self.admit()
                free.wait()

    def close(self) -> None:
        """Take no more calls, drop those that wait, and wait for none."""
        with self._changing:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
        for begin in waiting:
            if not isinstance(begin, partial):
                begin()
        self._threads.shutdown()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            call()
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._changing:
            self._taken -= 1
        self.admit()
