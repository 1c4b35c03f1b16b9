"""Where log lines go: to what is kept with the run, and to the console. Both may be put on loggers of one's own."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from alisio.logging.formatters import ConsoleFormatter
from alisio.logging.records import note_of

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
        run = note.run
        if note.kept or run is None or run.outbox is None or not APILogHandler.enabled:
            return
        if not getattr(record, "send_to_api", True):
            return
        try:
            from alisio.engine.outbox import LogEntry

            error = note.error
            if self.formatter is not None:
                message = self.format(record)
            else:
                message = record.getMessage()
                error = error or (record.exc_info[1] if record.exc_info else None)
            if error is not None:
                message += "\n" + "".join(traceback.format_exception(error)).rstrip()
            run.outbox.put_log(LogEntry(record.created, record.levelno, record.name, message, run))
            note.kept = True
        except Exception:
            self.handleError(record)


class ConsoleHandler(logging.StreamHandler[Any]):
    """Writes to the `sys.stderr` of the moment; a line that comes to it twice is shown once.

    Args:
        stream: `sys.stdout`: to that one of the moment instead.
        styles: Not used: colours are chosen by level and state, where a terminal wants them.
    """

    def __init__(self, stream: Any = None, styles: Mapping[str, str] | None = None) -> None:
        logging.Handler.__init__(self)
        self._to_stdout = stream is not None and stream in (sys.stdout, sys.__stdout__)
        self.setFormatter(ConsoleFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line."""
        note = note_of(record)
        if self not in note.shown_by:
            note.shown_by.append(self)
            super().emit(record)

    @property
    def stream(self) -> Any:
        """Where lines go now: programs, and tests, put another file in the place of stderr."""
        return sys.stdout if self._to_stdout else sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        raise AttributeError("the console handler always writes to sys.stderr, or to sys.stdout")


PrefectConsoleHandler = ConsoleHandler
