"""Futures: the runs of tasks that were submitted, and what comes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from alisio.contract.states import StateType
from alisio.engine.waiting import checked_futures, forget, wait_for_all
from alisio.engine.waiting import resolve_futures_to_results as resolve_futures_to_results
from alisio.engine.waiting import resolve_futures_to_states as resolve_futures_to_states
from alisio.states import Pending, Running, State
from alisio.utilities.forks import whole_in_forks

if TYPE_CHECKING:
    from alisio.engine.runs import TaskRun

R = TypeVar("R")

_changing = whole_in_forks(threading.Lock())
"""Held while a future is claimed or ended, or who hears of its end changes. One for all: there may be very many."""


class TaskRunFuture(Generic[R]):
    """A task run that was submitted. `.submit()` and `.map()` make them.

    Attributes:
        task_run_id: Which task run.
        started: Whether its execution has begun, or it has ended without.
        seen: Whether somebody has asked for its state or its result.
    """

    __slots__ = ("__weakref__", "_callbacks", "_end", "_run", "seen", "started", "task_run_id")

    def __init__(self, run: TaskRun) -> None:
        self.task_run_id: UUID = run.id
        self.started = False
        self.seen = False
        self._run: TaskRun | None = run
        self._end: State[R] | None = None
        # By their ids, once there is one: there are very many futures, and very many may wait for one, and leave.
        self._callbacks: dict[int, Callable[[TaskRunFuture[R]], object]] | None = None

    def __repr__(self) -> str:
        return f"TaskRunFuture({self.task_run_id}, {self._present_state()!r})"

    @property
    def state(self) -> State[R]:
        """The state that it is in now."""
        self.seen = True
        return self._present_state()

    @property
    def run(self) -> TaskRun | None:
        """The run; None once it has ended."""
        return self._run

    @property
    def failed(self) -> bool:
        """Whether it has FAILED or CRASHED."""
        return self._end is not None and self._end.type in (StateType.FAILED, StateType.CRASHED)

    def done(self) -> bool:
        """Tell whether it has come to its end."""
        return self._end is not None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has come to its end.

        Args:
            timeout: How many seconds at most.
        """
        wait_for_all([self], timeout)

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait without blocking the event loop.

        Args:
            timeout: How many seconds at most.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def tell(_: TaskRunFuture[R]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(ended.set)

        self.add_done_callback(tell)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
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
        return self._ended(timeout).result(raise_on_failure=raise_on_failure)

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the result without blocking the event loop; see `result`."""
        await self.wait_async(timeout)
        return await self._ended(timeout).aresult(raise_on_failure=raise_on_failure)

    def add_done_callback(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        """Call a function with this future when it has ended; at once, where it already has."""
        with _changing:
            if self._end is None:
                if self._callbacks is None:
                    self._callbacks = {}
                elif id(callback) in self._callbacks:
                    # Each is called as often as it was given; the id of this one is another.
                    callback = partial(callback)
                self._callbacks[id(callback)] = callback
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
            callbacks, self._callbacks = self._callbacks, None
        for callback in (callbacks or {}).values():
            self._call(callback)
        self._run = None  # its records may go while the result is kept

    def abandon(self, state: State[Any]) -> None:
        """End it for those who wait, and in the records, whatever its code still does."""
        run = self._run
        if run is not None:
            run.note_end(state)
        self.finish(state)

    def _present_state(self) -> State[R]:
        if self._end is not None:
            return self._end
        return Running() if self.started else Pending()

    def _ended(self, timeout: float | None) -> State[R]:
        self.seen = True
        if self._end is None:
            raise TimeoutError(f"task run {self.task_run_id} has not ended within {timeout} s")
        return self._end

    def _remove_done_callback(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        with _changing:
            if self._callbacks is not None:
                self._callbacks.pop(id(callback), None)

    def _call(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        try:
            callback(self)
        except Exception:
            from alisio.logging import get_logger

            get_logger("futures").exception("a callback of task run %s failed", self.task_run_id)


class FutureList(list[TaskRunFuture[R]]):
    """What `.map()` gives: one future for each element, in order."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended, or this many seconds have passed. On a terminal a bar shows how far they are."""
        from alisio.progress import watched

        with watched(self):
            wait_for_all(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Wait for all results, or for the first failure. On a terminal a bar shows how far they are.

        Args:
            timeout: How many seconds at most, for all of them together.
            raise_on_failure: Give exceptions back, in place of raising the first one that comes.

        Returns:
            What the tasks returned, in order.

        Raises:
            TimeoutError: Not all have ended in time.
            Exception: What the task raised that failed first.
        """
        from alisio.progress import watched

        for future in self:
            future.seen = True
        with watched(self):
            for future in as_completed(self, timeout):
                if raise_on_failure and future.failed:
                    future.result()
        return [future.result(raise_on_failure=raise_on_failure) for future in self]


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
    wanted = checked_futures("wait", futures)
    wait_for_all(wanted, timeout)
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
    wanted = list(dict.fromkeys(checked_futures("as_completed", futures)))
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: SimpleQueue[TaskRunFuture[R]] = SimpleQueue()
    tell = ended.put  # one object: by it the futures know it again
    for future in wanted:
        future.add_done_callback(tell)
    try:
        for left in range(len(wanted), 0, -1):
            try:
                yield ended.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
            except Empty:
                raise TimeoutError(f"{left} of {len(wanted)} task runs have not ended within {timeout} s") from None
    finally:
        forget(wanted, tell)


PrefectFuture = TaskRunFuture
PrefectFutureList = FutureList
DoneAndNotDoneFutures = DoneAndNotDone
"""The names by which Prefect's users know them: files that import these run as they are."""
