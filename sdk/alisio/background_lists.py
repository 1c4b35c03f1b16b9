"""A background task for each element: what `Task.map(…, deferred=True)` does and gives."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from alisio.background import BackgroundFuture, enqueue

if TYPE_CHECKING:
    from alisio.tasks import Task

R = TypeVar("R")


class BackgroundFutureList(list[BackgroundFuture[R]]):
    """One future for each element, in order."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended, or this many seconds have passed."""
        deadline = _deadline(timeout)
        for future in self:
            future.wait(_left(deadline))

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Wait for all results, or for the first failure in their order.

        Args:
            timeout: How many seconds at most, for all of them together.
            raise_on_failure: Give exceptions back, in place of raising the first one.

        Raises:
            TimeoutError: Not all have ended in time.
            Exception: What a task raised, where that can be read here.
            RunError: One failed otherwise, crashed or was cancelled.
        """
        deadline = _deadline(timeout)
        return [future.result(_left(deadline), raise_on_failure) for future in self]


def enqueue_each(
    task: Task[..., Any],
    calls: Iterable[tuple[tuple[Any, ...], dict[str, Any]]],
    wait_for: Iterable[Any] | None,
    *,
    return_state: bool,
) -> BackgroundFutureList[Any]:
    """Ask for a background task for each of these arguments.

    Args:
        task: The task.
        calls: The arguments of each, by position and by name.
        wait_for: Futures of background tasks that must have completed first.
        return_state: Must be false: what is deferred is not waited for.

    Raises:
        ValueError: `return_state` is true.
        AlisioError: As `Task.apply_async` has it. Those before have been asked for then.
    """
    if return_state:
        raise ValueError(f"{task.label}: return_state waits for the end, and deferred does not: give one of them")
    waits = None if wait_for is None else tuple(wait_for)
    return BackgroundFutureList([enqueue(task, args, kwargs, waits) for args, kwargs in calls])


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)
