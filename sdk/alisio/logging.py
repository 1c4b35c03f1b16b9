"""Logs of runs: the run's logger, the console, and the way into the outbox.

Nothing is set up at import: the first run that starts puts the handlers on the `alisio` logger, and on those
that `ALISIO_LOGGING_EXTRA_LOGGERS` names.
"""

from __future__ import annotations

import builtins
import logging
import sys
import threading
import time
import traceback
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from alisio import colours
from alisio.context import current_flow_run, current_task_run, get_run_context

if TYPE_CHECKING:
    from types import TracebackType

    from alisio.contract.states import StateType
    from alisio.engine.base_run import Run
    from alisio.settings import Settings

_RUN = "alisio_run"
_ERROR = "alisio_error"
_STATE = "alisio_state"
_set_up_lock = threading.Lock()
_is_set_up = False
_print = builtins.print


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines belong to a run, whatever thread they are written in."""

    def __init__(self, run: Run) -> None:
        kind = run.definition.kind
        super().__init__(logging.getLogger(f"alisio.{kind}_runs"), {})
        self.run = run

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Name the run in the record."""
        kwargs["extra"] = {**kwargs.get("extra", {}), _RUN: self.run}
        return msg, kwargs

    def failure(self, level: int, message: str, error: BaseException, state: StateType | None = None) -> None:
        """Log one line for people, whose stored copy has the traceback below it."""
        self.log(level, message, extra={_ERROR: error, _STATE: state})

    def tell_state(self, level: int, message: str, state: StateType) -> None:
        """Log a line about a state, whose colour it has on a terminal."""
        self.log(level, message, extra={_STATE: state})


def get_logger(name: str | None = None) -> logging.Logger:
    """Give a logger under Alisio's own.

    Args:
        name: What follows `alisio.`; None: Alisio's own.
    """
    return logging.getLogger("alisio" if name is None else f"alisio.{name}")


def get_run_logger() -> RunLogger:
    """Give the logger of the run whose code this is.

    Returns:
        Its lines are shown on the console and kept with the task run or the flow run.

    Raises:
        MissingContextError: No run's code is running here.
    """
    return RunLogger(get_run_context())


class OutboxHandler(logging.Handler):
    """Puts log lines into the outbox of the run that they belong to; those of no run are passed over."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, with the traceback that belongs to it."""
        run: Run | None = getattr(record, _RUN, None) or current_task_run.get() or current_flow_run.get()
        if run is None or run.outbox is None:
            return
        try:
            from alisio.engine.outbox import LogEntry

            message = record.getMessage()
            error = getattr(record, _ERROR, None)
            if error is not None:
                message += "\n" + "".join(traceback.format_exception(error)).rstrip()
            elif record.exc_info and record.exc_info[1] is not None:
                message += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
            run.outbox.put_log(LogEntry(record.created, record.levelno, record.name, message, run))
        except Exception:
            self.handleError(record)


class ConsoleHandler(logging.StreamHandler[Any]):
    """Writes to the `sys.stderr` of the moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(ConsoleFormatter())

    @property
    def stream(self) -> Any:
        """Where lines go now: programs, and tests, put another file in the place of stderr."""
        return sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        raise AttributeError("the console handler always writes to sys.stderr")


class ConsoleFormatter(logging.Formatter):
    """One readable line: time, level, run, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; a traceback, where user code logged one, goes below it."""
        run: Run | None = getattr(record, _RUN, None) or current_task_run.get() or current_flow_run.get()
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        where = record.name if run is None else _run_path(run)
        level, message = f"{record.levelname:<8}", record.getMessage()
        if colours.are_wanted(sys.stderr):
            state = getattr(record, _STATE, None)
            level = colours.of_level(level, record.levelno)
            message = message if state is None else colours.of_state(message, state)
        line = f"{clock}.{int(record.msecs):03d}  {level} {where}  {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _run_path(run: Run) -> str:
    flow_run = getattr(run, "flow_run", None)
    return run.name if flow_run is None else f"{flow_run.name}/{run.name}"


def set_up(settings: Settings | None = None, *, console: bool = True) -> None:
    """Put the handlers in their places; only the first call in a process does anything.

    Args:
        settings: In place of those that hold now.
        console: Whether lines are shown on stderr as well.
    """
    global _is_set_up
    with _set_up_lock:
        if _is_set_up:
            return
        _is_set_up = True
    from alisio.settings import current_settings

    chosen = settings or current_settings()
    handlers: list[logging.Handler] = [OutboxHandler()]
    if console:
        handlers.append(ConsoleHandler())
        if sys.excepthook is sys.__excepthook__:
            sys.excepthook = _show_user_code
    for name in ("alisio", *chosen.logging_extra_loggers):
        logger = logging.getLogger(name)
        for handler in handlers:
            logger.addHandler(handler)
        if logger.level == logging.NOTSET:
            logger.setLevel(chosen.logging_level)
    logging.getLogger("alisio").propagate = False


def _show_user_code(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an exception that ends the program as Python does, without the engine's frames."""
    from alisio.engine.tracebacks import without_engine

    error.__traceback__ = trace
    without_engine(error)
    sys.__excepthook__(kind, error, error.__traceback__)


def capture_prints() -> None:
    """Make `print` write to the log of the run it is called in, where that run wants it. It stays so."""
    if builtins.print is not _print_or_log:
        global _print
        _print = builtins.print
        builtins.print = _print_or_log


def _print_or_log(*values: object, **options: Any) -> None:
    run = current_task_run.get() or current_flow_run.get()
    elsewhere = options.get("file") not in (None, sys.stdout, sys.stderr)
    if run is None or not run.log_prints or elsewhere:
        _print(*values, **options)
        return
    separator = options.get("sep")
    text = (" " if separator is None else separator).join(str(value) for value in values)
    RunLogger(run).info("%s", text)
