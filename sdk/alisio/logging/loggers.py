"""The loggers that user code asks for, and `print` as one of them."""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from alisio.context import current_flow_run, current_task_run, innermost_run
from alisio.logging.records import NOTE, Note, names_of

if TYPE_CHECKING:
    from alisio.contract.states import StateType
    from alisio.engine.base_run import Run
    from alisio.engine.run_contexts import RunContext
    from alisio.engine.run_views import FlowRunView, TaskRunView

__all__ = ["RunLogger", "disable_run_logger", "flow_run_logger", "get_logger", "get_run_logger", "task_run_logger"]

_OURS = "alisio"
_captures: WeakSet[Callable[..., None]] = WeakSet()
_disabled: ContextVar[bool] = ContextVar("alisio_run_loggers_disabled", default=False)


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines belong to a run, whatever thread they are written in.

    Args:
        run: The run; None: of no run, so that nothing comes of its lines.
        extra: Attributes that all its records have.
    """

    def __init__(self, run: Run | None, **extra: Any) -> None:
        kind = "flow" if run is None else run.definition.kind
        super().__init__(logging.getLogger(f"{_OURS}.{kind}_runs"), extra)
        self.run = run

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  # the name is the standard library's
        """Tell whether a line of this level goes anywhere."""
        return self.run is not None and not _disabled.get() and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Name the run in the record."""
        kwargs["extra"] = {NOTE: Note(self.run), **names_of(self.run), **(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs

    def getChild(self, suffix: str, extra: Mapping[str, Any] | None = None) -> RunLogger:  # noqa: N802  # likewise
        """Give one for the same run whose name goes on with a dot and this.

        Args:
            suffix: What its name ends with.
            extra: Attributes that all its records have besides.
        """
        child = RunLogger(self.run, **{**(self.extra or {}), **(extra or {})})
        child.logger = self.logger.getChild(suffix)
        return child

    def failure(self, level: int, message: str, error: BaseException, state: StateType | None = None) -> None:
        """Log one line for people, whose stored copy has the traceback below it."""
        self.log(level, message, extra={NOTE: Note(self.run, error, state)})

    def tell_state(self, level: int, message: str, state: StateType) -> None:
        """Log a line about a state, whose colour it has on a terminal."""
        self.log(level, message, extra={NOTE: Note(self.run, None, state)})


def get_logger(name: str | None = None) -> logging.Logger:
    """Give a logger under Alisio's own.

    Args:
        name: What follows `alisio.`, or all of it; None: Alisio's own.
    """
    if name is None or name == _OURS:
        return logging.getLogger(_OURS)
    return logging.getLogger(name if name.startswith(f"{_OURS}.") else f"{_OURS}.{name}")


def get_run_logger(context: RunContext | None = None, **kwargs: Any) -> RunLogger:
    """Give the logger of the run whose code this is.

    Args:
        context: Of another run, as `alisio.context` gives it.
        kwargs: Attributes that its records have, for formats and filters.

    Returns:
        Its lines are shown on the console and kept with the task run or the flow run.

    Raises:
        MissingContextError: No run's code is running here, and run loggers are not disabled.
    """
    if context is not None:
        return RunLogger(context.run, **kwargs)
    if _disabled.get():
        return RunLogger(current_task_run.get() or current_flow_run.get(), **kwargs)
    return RunLogger(innermost_run(), **kwargs)


def flow_run_logger(flow_run: FlowRunView, flow: Any = None, **kwargs: Any) -> RunLogger:
    """Give the logger of a flow run that a hook was given.

    Args:
        flow_run: The run.
        flow: Not used, as the run knows its flow.
        kwargs: Attributes that its records have, for formats and filters.

    Raises:
        TypeError: It is something else, such as a run that a client has read.
    """
    return RunLogger(_run_of(flow_run, "flow_run_logger"), **kwargs)


def task_run_logger(task_run: TaskRunView, task: Any = None, **kwargs: Any) -> RunLogger:
    """Give the logger of a task run that a hook was given; see `flow_run_logger`."""
    return RunLogger(_run_of(task_run, "task_run_logger"), **kwargs)


def _run_of(view: Any, caller: str) -> Run:
    run: Run | None = getattr(view, "_run", None)
    if run is None:
        raise TypeError(f"{caller} takes a run as hooks are given it, not {type(view).__name__}: {view!r:.80}")
    return run


@contextmanager
def disable_run_logger() -> Iterator[None]:
    """Let run loggers say nothing in this block, and give one where no run is: for tests of `some_task.fn`."""
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


def capture_prints() -> None:
    """Make `print` write to the log of the run it is called in, where that run wants it. It stays so."""
    if builtins.print not in _captures:
        builtins.print = capture = _print_or_log_over(builtins.print)
        _captures.add(capture)


def _print_or_log_over(below: Callable[..., None]) -> Callable[..., None]:
    """Make a `print` over another one, which may itself call an earlier one of these."""

    def print_or_log(*values: object, **options: Any) -> None:
        run = current_task_run.get() or current_flow_run.get()
        elsewhere = options.get("file") not in (None, sys.stdout, sys.stderr)
        if run is None or not run.log_prints or elsewhere or _disabled.get():
            below(*values, **options)
            return
        separator = options.get("sep")
        text = (" " if separator is None else separator).join(str(value) for value in values)
        RunLogger(run).info("%s", text)

    # As `print` it travels to other processes, and is their own there.
    print_or_log.__module__, print_or_log.__name__, print_or_log.__qualname__ = "builtins", "print", "print"
    return print_or_log
