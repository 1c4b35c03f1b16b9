"""Futures: the runs of tasks that were submitted, and what comes of them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from alisio.states import Pending, Running, State

if TYPE_CHECKING:
    from alisio.engine.runs import TaskRun

R = TypeVar("R")

_changing = threading.Lock()
"""Held while a future is claimed or ended, or who hears of its end changes. One for all: there may be very many."""


class TaskRunFuture(Generic[R]):
    """A task run that was submitted. `.submit()` and `.map()` make them.

    Attributes:
        task_run_id: Which task run.
        started: Whether its execution has begun, or it has ended without.
    """

    __slots__ = ("__weakref__", "_callbacks", "_end", "_run", "started", "task_run_id")

    def __init__(self, run: TaskRun) -> None:
        self.task_run_id: UUID = run.id
        self.started = False
        self._run: TaskRun | None = run
        self._end: State[R] | None = None
        self._callbacks: tuple[Callable[[TaskRunFuture[R]], object], ...] = ()

    def __repr__(self) -> str:
        return f"TaskRunFuture({self.task_run_id}, {self.state!r})"

    @property
    def state(self) -> State[R]:
        """The state that it is in now."""
        if self._end is not None:
            return self._end
        return Running() if self.started else Pending()

    def done(self) -> bool:
        """Tell whether it has come to its end."""
        return self._end is not None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has come to its end.

        Args:
            timeout: How many seconds at most.
        """
        _wait_for_all([self], timeout)

    async def wait_async(self) -> None:
        """Wait without blocking the event loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def tell(_: TaskRunFuture[R]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(ended.set)

        self.add_done_callback(tell)
        try:
            await ended.wait()
        finally:
            self._remove_done_callback(tell)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the result.

        Args:
            timeout: How many seconds at most.
            raise_on_failure: Give the exception back, in place of raising it.

        Returns:
            What the task returned; or the exception.

        Raises:
            TimeoutError: It has not ended in time.
            Exception: What the task raised.
            RunError: It ended without a result or an exception of its own.
        """
        self.wait(timeout)
        if self._end is None:
            raise TimeoutError(f"task run {self.task_run_id} has not ended within {timeout} s")
        return self._end.result(raise_on_failure=raise_on_failure)

    def add_done_callback(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        """Call a function with this future when it has ended; at once, where it already has."""
        with _changing:
            if self._end is None:
                self._callbacks += (callback,)
                return
        self._call(callback)

    def begin(self) -> bool:
        """Claim it for execution.

        Returns:
            Whether it is still wanted.
        """
        with _changing:
            wanted = not self.started
            self.started = True
        return wanted

    def finish(self, state: State[R]) -> None:
        """Give it its final state, unless it has one."""
        with _changing:
            if self._end is not None:
                return
            self.started = True
            self._end = state
            callbacks, self._callbacks = self._callbacks, ()
        self._run = None  # its records may go while the result is kept
        for callback in callbacks:
            self._call(callback)

    def abandon(self, state: State[Any]) -> None:
        """End it for those who wait, and in the records, whatever its code still does."""
        run = self._run
        if run is not None:
            run.note_end(state)
        self.finish(state)

    def _remove_done_callback(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        with _changing:
            self._callbacks = tuple(each for each in self._callbacks if each != callback)

    def _call(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        try:
            callback(self)
        except Exception:
            from alisio.logging import get_logger

            get_logger("futures").exception("a callback of task run %s failed", self.task_run_id)


def _wait_for_all(futures: Iterable[TaskRunFuture[Any]], timeout: float | None) -> None:
    """Wait until these have ended, or this many seconds have passed."""
    waiting = [future for future in futures if not future.done()]
    if not waiting:
        return
    over = threading.Event()
    left = itertools.count(len(waiting) - 1, -1)

    def count(_: TaskRunFuture[Any]) -> None:
        if next(left) == 0:  # one step, whatever the threads are
            over.set()

    for future in waiting:
        future.add_done_callback(count)
    try:
        over.wait(timeout)
    finally:
        if not over.is_set():
            _forget(waiting, count)


def _forget(futures: Sequence[TaskRunFuture[Any]], callback: Callable[[TaskRunFuture[Any]], object]) -> None:
    """Call this no more when these end: nobody waits any longer."""
    for future in futures:
        future._remove_done_callback(callback)


class FutureList(list[TaskRunFuture[R]]):
    """What `.map()` gives: one future for each element, in order."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended, or this many seconds have passed."""
        _wait_for_all(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Wait for all results.

        Args:
            timeout: How many seconds at most, for all of them together.
            raise_on_failure: Give exceptions back, in place of raising the first.

        Returns:
            What the tasks returned, in order.

        Raises:
            TimeoutError: Not all have ended in time.
            Exception: What the first failed task raised.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        return [
            future.result(None if deadline is None else max(deadline - time.monotonic(), 0), raise_on_failure)
            for future in self
        ]


class DoneAndNotDone(NamedTuple, Generic[R]):
    """What `wait` gives: the futures that have ended, and the others."""

    done: set[TaskRunFuture[R]]
    not_done: set[TaskRunFuture[R]]


def wait(futures: Iterable[TaskRunFuture[R]], timeout: float | None = None) -> DoneAndNotDone[R]:
    """Wait for futures.

    Args:
        futures: Which ones.
        timeout: How many seconds at most, for all of them together.

    Returns:
        Those that have ended, and those that have not.
    """
    wanted = list(futures)
    _wait_for_all(wanted, timeout)
    done = {future for future in wanted if future.done()}
    return DoneAndNotDone(done, set(wanted) - done)


def as_completed(futures: Iterable[TaskRunFuture[R]], timeout: float | None = None) -> Iterator[TaskRunFuture[R]]:
    """Give futures as they end.

    Args:
        futures: Which ones.
        timeout: How many seconds at most, for all of them together.

    Yields:
        Each future, the first to end first.

    Raises:
        TimeoutError: Not all have ended in time.
    """
    wanted = list(dict.fromkeys(futures))
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: SimpleQueue[TaskRunFuture[R]] = SimpleQueue()
    for future in wanted:
        future.add_done_callback(ended.put)
    try:
        for left in range(len(wanted), 0, -1):
            try:
                yield ended.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
            except Empty:
                raise TimeoutError(f"{left} of {len(wanted)} task runs have not ended within {timeout} s") from None
    finally:
        _forget(wanted, ended.put)
