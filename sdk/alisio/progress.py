"""A bar on a terminal, while somebody waits for many tasks. Rich is imported only when it is shown."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.futures import TaskRunFuture

DELAY_SECONDS = 0.5
"""What is over sooner shows no bar."""
_REFRESH_SECONDS = 0.1
_showing = threading.Lock()


@contextmanager
def watched(futures: Sequence[TaskRunFuture[Any]]) -> Iterator[None]:
    """Show how many of these have ended, while the block waits for them: one bar at a time, and on a terminal only.

    Args:
        futures: The tasks that are waited for.
    """
    if len(futures) < 2 or not _is_wanted() or not _showing.acquire(blocking=False):
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_show, args=(futures, over), name="alisio-progress", daemon=True)
    try:
        thread.start()
        yield
    finally:
        over.set()
        thread.join()
        _showing.release()


def _is_wanted() -> bool:
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and os.environ.get("TERM") != "dumb" and sys.stderr is not None and sys.stderr.isatty()


def _show(futures: Sequence[TaskRunFuture[Any]], over: threading.Event) -> None:
    if over.wait(DELAY_SECONDS):
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(_name_of(futures), total=len(futures))
        while True:
            progress.update(bar, completed=sum(future.done() for future in futures))
            if over.wait(_REFRESH_SECONDS):
                return


def _name_of(futures: Sequence[TaskRunFuture[Any]]) -> str:
    runs = (future.run for future in futures)
    return next((run.definition.name for run in runs if run is not None), "tasks")
