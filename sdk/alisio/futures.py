"""Futures: the runs of tasks that were submitted, and what comes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future as Outcome
from concurrent.futures import TimeoutError as OutcomeTimeout
from concurrent.futures import as_completed as outcomes_as_completed
from concurrent.futures import wait as wait_for_outcomes
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from alisio.states import Pending, Running, State

if TYPE_CHECKING:
    from alisio.engine.runs import TaskRun

R = TypeVar("R")

_changing = threading.Lock()
"""Held while a future is claimed for execution or for its end."""


class TaskRunFuture(Generic[R]):
    """A task run that was submitted. `.submit()` and `.map()` make them.

    Attributes:
        task_run_id: Which task run.
    """

    __slots__ = ("__weakref__", "_outcome", "_run", "_settled", "task_run_id")

    def __init__(self, run: TaskRun) -> None:
        self.task_run_id: UUID = run.id
        self._run = run
        self._outcome: Outcome[State[R]] = Outcome()
        self._settled = False

    def __repr__(self) -> str:
        return f"TaskRunFuture({self.task_run_id}, {self.state!r})"

    @property
    def state(self) -> State[R]:
        """The state that it is in now."""
        if self._outcome.done():
            return self._outcome.result()
        return Running() if self._outcome.running() else Pending()

    def done(self) -> bool:
        """Tell whether it has come to its end."""
        return self._outcome.done()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has come to its end.

        Args:
            timeout: How many seconds at most.
        """
        wait_for_outcomes([self._outcome], timeout)

    async def wait_async(self) -> None:
        """Wait without blocking the event loop."""
        import asyncio

        await asyncio.shield(asyncio.wrap_future(self._outcome))

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
        try:
            state = self._outcome.result(timeout)
        except OutcomeTimeout:
            if self._outcome.done():
                raise
            raise TimeoutError(f"task run {self.task_run_id} has not ended within {timeout} s") from None
        return state.result(raise_on_failure=raise_on_failure)

    def add_done_callback(self, callback: Callable[[TaskRunFuture[R]], object]) -> None:
        """Call a function with this future when it has ended; at once, where it already has."""
        self._outcome.add_done_callback(lambda _: callback(self))

    def begin(self) -> bool:
        """Claim it for execution.

        Returns:
            Whether it is still wanted.
        """
        with _changing:
            return not self._settled and self._outcome.set_running_or_notify_cancel()

    def finish(self, state: State[R]) -> None:
        """Give it its final state, unless it has one."""
        with _changing:
            if self._settled:
                return
            self._settled = True
        self._outcome.set_result(state)

    def abandon(self, state: State[Any]) -> None:
        """End it for those who wait, and in the records, whatever its code still does."""
        self._run.note_end(state)
        self.finish(state)

    @property
    def started(self) -> bool:
        """Whether its execution has begun."""
        return self._outcome.running() or self._outcome.done()


class FutureList(list[TaskRunFuture[R]]):
    """What `.map()` gives: one future for each element, in order."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended, or this many seconds have passed."""
        wait_for_outcomes([future._outcome for future in self], timeout)

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
    wait_for_outcomes([future._outcome for future in wanted], timeout)
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
    by_outcome = {future._outcome: future for future in futures}
    for outcome in outcomes_as_completed(by_outcome, timeout):
        yield by_outcome[outcome]
