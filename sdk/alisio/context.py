"""Which run this code belongs to, and the tags that are laid on the runs it starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from alisio.exceptions import MissingContextError

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun, TaskRun

current_flow_run: ContextVar[FlowRun | None] = ContextVar("alisio_flow_run", default=None)
"""The flow run whose code, or whose task's code, runs here."""

current_task_run: ContextVar[TaskRun | None] = ContextVar("alisio_task_run", default=None)
"""The task run whose code runs here."""

current_tags: ContextVar[frozenset[str]] = ContextVar("alisio_tags", default=frozenset())
"""What `tags(...)` has laid on the runs that are started here."""


def get_run_context() -> FlowRun | TaskRun:
    """Give the innermost run whose code this is.

    Returns:
        The task run, or the flow run where no task runs.

    Raises:
        MissingContextError: No run's code is running here.
    """
    run = current_task_run.get() or current_flow_run.get()
    if run is None:
        raise MissingContextError("there is no run here: call this from the code of a flow or a task")
    return run


@contextmanager
def tags(*new_tags: str) -> Iterator[frozenset[str]]:
    """Lay tags on all flow and task runs that the block starts.

    Args:
        new_tags: They are added to those of the blocks around this one.

    Yields:
        All tags that hold within the block.
    """
    together = current_tags.get() | frozenset(new_tags)
    token = current_tags.set(together)
    try:
        yield together
    finally:
        current_tags.reset(token)
