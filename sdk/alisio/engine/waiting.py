"""Waiting for futures, many at once, without a thread for each."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.futures import TaskRunFuture


def wait_for_all(futures: Iterable[TaskRunFuture[Any]], timeout: float | None = None) -> None:
    """Wait until these have ended, or this many seconds have passed."""
    waiting = [future for future in dict.fromkeys(futures) if not future.done()]
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
            forget(waiting, count)


def forget(futures: Sequence[TaskRunFuture[Any]], callback: Callable[[TaskRunFuture[Any]], object]) -> None:
    """Call this no more when these end: nobody waits any longer."""
    for future in futures:
        future._remove_done_callback(callback)


def checked_futures(caller: str, futures: Iterable[Any]) -> list[Any]:
    """Refuse what is no future, such as the result of a task that was called where it should be submitted.

    Raises:
        TypeError: There is something else among them.
    """
    wanted = list(futures)
    for future in wanted:
        if not callable(getattr(future, "add_done_callback", None)):
            kind = type(future).__name__
            raise TypeError(f"{caller} takes futures, as task.submit(…) gives them, not {kind}: {future!r:.80}")
    return wanted


def resolve_futures_to_states(value: Any) -> Any:
    """Wait for the futures in a value, and put their states in their place; it is not changed, but copied."""
    return _resolved(value, lambda future: future.state)


def resolve_futures_to_results(value: Any) -> Any:
    """Wait for the futures in a value, and put their results in their place, as `result` gives them."""
    return _resolved(value, lambda future: future.result())


def _resolved(value: Any, replace: Callable[[TaskRunFuture[Any]], Any]) -> Any:
    from alisio.engine.arguments import find, futures_in, substitute
    from alisio.futures import TaskRunFuture

    found = find(value, None)
    if found is None:
        return value
    wait_for_all(futures_in([found]))
    return substitute(value, lambda link, _: replace(link) if isinstance(link, TaskRunFuture) else link)
