"""Where log lines go: to what is kept with the run, and to the console. Both may be put on loggers of one's own."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alisio import colours
from alisio.logging.formatters import ConsoleFormatter
from alisio.logging.records import message_of, note_of

if TYPE_CHECKING:
    from alisio.engine.base_run import Run
    from alisio.engine.outbox import LogEntry

__all__ = ["APILogHandler", "ConsoleHandler", "PrefectConsoleHandler"]


class APILogHandler(logging.Handler):
    """Keeps log lines with the run that they belong to; those of no run are passed over.

    A line that comes to it twice, or to several of its kind, is kept once. One with `extra={"send_to_api": False}` is
    not kept. Where it has a formatter, what that gives is kept, else the message.

    Attributes:
        enabled: Whether lines are kept in this process, by any of its kind: `ALISIO_LOGGING_TO_API_ENABLED`.
    """

    enabled = True

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, with the traceback that belongs to it."""
        note = note_of(record)
        if note.kept or note.run is None or note.run.outbox is None or not self.takes(record):
            return
        try:
            note.run.outbox.put_log(self.entry_of(record, note.run, self._message(record, note.error)))
            note.kept = True
        except Exception:
            self.handleError(record)

    def takes(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is wanted."""
        return APILogHandler.enabled and bool(getattr(record, "send_to_api", True))

    def entry_of(self, record: logging.LogRecord, run: Run, message: str) -> LogEntry:
        """Make what the run's outbox takes of a line."""
        from alisio.engine.outbox import LogEntry

        return LogEntry(record.created, record.levelno, record.name, message, run)

    def _message(self, record: logging.LogRecord, error: BaseException | None) -> str:
        if self.formatter is not None:
            message = self.format(record)
        else:
            message = message_of(record)
            error = error or (record.exc_info[1] if record.exc_info else None)
        if error is not None:
            message += "\n" + "".join(traceback.format_exception(error)).rstrip()
        if record.stack_info and self.formatter is None:
            message += f"\n{record.stack_info}"
        return message


class ConsoleHandler(logging.StreamHandler[Any]):
    """Writes to the `sys.stderr` of the moment; a line that comes to it twice is shown once.

    Args:
        stream: `sys.stdout`: to that one of the moment instead.
        highlighter: What is painted besides levels and states, where a terminal wants colours: a class of
            `alisio.logging.highlighters`, or an object of one; by default all that these know, if there are styles.
        styles: How, by the names that the highlighter has for its parts: `{"log.web_url": "bright_blue"}`.
        level: Only lines of this level or above.
    """

    def __init__(
        self,
        stream: Any = None,
        highlighter: Any = None,
        styles: Mapping[str, str] | None = None,
        level: int | str = logging.NOTSET,
    ) -> None:
        logging.Handler.__init__(self, level)
        self._highlighter = highlighter
        self._styles = styles
        self._to_stdout = stream is not None and stream in (sys.stdout, sys.__stdout__)
        self.setFormatter(ConsoleFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line."""
        note = note_of(record)
        if self not in note.shown_by:
            note.shown_by.append(self)
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Make the line, painted where that is wanted."""
        line = super().format(record)
        if not self._styles or not colours.are_wanted(self.stream):
            return line
        from alisio.logging.painting import painted

        return painted(line, self._highlighter, self._styles)

    @property
    def stream(self) -> Any:
        """Where lines go now: programs, and tests, put another file in the place of stderr."""
        return sys.stdout if self._to_stdout else sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        raise AttributeError("the console handler always writes to sys.stderr, or to sys.stdout")


PrefectConsoleHandler = ConsoleHandler
