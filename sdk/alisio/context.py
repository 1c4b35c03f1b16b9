"""Which run this code belongs to, and the tags that are laid on the runs it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from alisio.exceptions import MissingContextError

if TYPE_CHECKING:
    from alisio.engine.graphs import Graph
    from alisio.engine.run_contexts import FlowRunContext as FlowRunContext
    from alisio.engine.run_contexts import SettingsContext as SettingsContext
    from alisio.engine.run_contexts import TagsContext as TagsContext
    from alisio.engine.run_contexts import TaskRunContext as TaskRunContext
    from alisio.engine.run_contexts import get_settings_context as get_settings_context
    from alisio.engine.runs import FlowRun, TaskRun
    from alisio.engine.transactions import BaseTransaction

P = ParamSpec("P")
R = TypeVar("R")

current_flow_run: ContextVar[FlowRun | None] = ContextVar("alisio_flow_run", default=None)
"""The flow run whose code, or whose task's code, runs here."""

current_task_run: ContextVar[TaskRun | None] = ContextVar("alisio_task_run", default=None)
"""The task run whose code runs here."""

current_tags: ContextVar[frozenset[str]] = ContextVar("alisio_tags", default=frozenset())
"""What `tags(...)` has laid on the runs that are started here."""


current_transaction: ContextVar[BaseTransaction | None] = ContextVar("alisio_transaction", default=None)
"""The transaction that a block around this code has opened."""

current_graph: ContextVar[Graph | None] = ContextVar("alisio_graph", default=None)
"""Where calls of tasks and flows are noted in place of being made, while a flow is drawn."""

_carried: list[ContextVar[Any]] = [current_flow_run, current_task_run, current_tags, current_transaction]
"""What belongs to the code that runs, and not to whoever iterates over what that code yields."""


def swap_variables(values: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """Put other values in the place of those that say which run's code this is.

    Args:
        values: What the last call gave; None: leave them as they are.

    Returns:
        Those that held before.
    """
    before = tuple(variable.get() for variable in _carried)
    if values is not None:
        for variable, value in zip(_carried, values, strict=True):
            variable.set(value)
    return before


_HOMES = ("FlowRunContext", "SettingsContext", "TagsContext", "TaskRunContext", "get_settings_context")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alisio.engine import run_contexts

    return getattr(run_contexts, name)


def innermost_run() -> FlowRun | TaskRun:
    """Give the engine's own object of the innermost run whose code this is.

    Raises:
        MissingContextError: No run's code is running here.
    """
    run = current_task_run.get() or current_flow_run.get()
    if run is None:
        raise MissingContextError("there is no run here: call this from the code of a flow or a task")
    return run


def get_run_context() -> FlowRunContext | TaskRunContext:
    """Tell of the innermost run whose code this is.

    Returns:
        A `TaskRunContext`, or a `FlowRunContext` where no task runs.

    Raises:
        MissingContextError: No run's code is running here.
    """
    from alisio.engine.run_contexts import context_of

    return context_of(innermost_run())


def with_context(fn: Callable[P, R]) -> Callable[P, R]:
    """Make a function belong to the run whose code this is, wherever it is called.

    In threads that user code starts, and in processes of this machine (of `multiprocessing` and `concurrent.futures`),
    its log lines go to the run's log, and the tasks that it calls belong to the run, as long as that lasts.

    Args:
        fn: The function, not an asynchronous one. Processes must be able to import it.

    Returns:
        The function to be given to threads and processes. Outside of flows it is the plain function.

    Raises:
        ValueError: It is asynchronous.
    """
    from alisio.engine.remote.carried import Carried

    return Carried(fn)


@contextmanager
def tags(*new_tags: str) -> Iterator[frozenset[str]]:
    """Lay tags on all flow and task runs that the block starts.

    Args:
        new_tags: They are added to those of the blocks around this one.

    Yields:
        All tags that hold within the block.

    Raises:
        ValueError: A tag cannot be used.
    """
    together = current_tags.get() | checked_tags(new_tags)
    token = current_tags.set(together)
    try:
        yield together
    finally:
        current_tags.reset(token)


def checked_tags(tags: Iterable[str]) -> frozenset[str]:
    """Refuse what cannot be tags.

    Args:
        tags: Texts of 1 to 200 characters.

    Returns:
        The same, each once.

    Raises:
        ValueError: One of them is something else, or they are one text and not several.
    """
    if isinstance(tags, str):
        raise ValueError(f"tags are several texts: write [{tags!r}], not {tags!r}")
    if not isinstance(tags, Iterable):
        raise ValueError(f"tags must be a list of texts, not {tags!r}")
    checked = frozenset(tags)
    for tag in checked:
        if not isinstance(tag, str) or not 0 < len(tag) <= 200 or "\x00" in tag:
            raise ValueError(f"{tag!r} cannot be a tag: 1 to 200 characters of text")
    return checked
