"""How log lines look: one readable line, a format of one's own, or JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from alisio import colours
from alisio.logging.records import message_of, names_of, note_of

if TYPE_CHECKING:
    from alisio.engine.base_run import Run

__all__ = ["ConsoleFormatter", "JsonFormatter", "PrefectFormatter"]


class ConsoleFormatter(logging.Formatter):
    """One readable line: time, level, run, message; or what the formats say.

    Args:
        format: Of lines of no run; `""`: the readable one.
        datefmt: How `%(asctime)s` looks.
        style: How the formats are written, as `logging.Formatter` has it.
        validate: Whether a format that cannot be used is refused.
        flow_run_fmt: Of lines of flow runs; it may name `flow_run_name`, `flow_run_id`, `flow_name` and
            `deployment_name`. `""`: as `format`.
        task_run_fmt: Of lines of task runs; it may name `task_run_name`, `task_run_id` and `task_name` besides.
    """

    def __init__(
        self,
        format: str = "",
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
        *,
        flow_run_fmt: str = "",
        task_run_fmt: str = "",
    ) -> None:
        super().__init__(format or None, datefmt, style, validate)
        formats = {"": format, "flow": flow_run_fmt or format, "task": task_run_fmt or format}
        self._formats = {
            kind: logging.Formatter(text, datefmt, style, validate) for kind, text in formats.items() if text
        }

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; a traceback, where user code logged one, goes below it."""
        note = note_of(record)
        formatter = self._formats.get("" if note.run is None else note.run.definition.kind)
        if formatter is None:
            return self._readable(record, note.run, note.state)
        if not hasattr(record, "flow_run_id"):
            record.__dict__.update(names_of(note.run))
        message_of(record)  # it is mended where it has to be
        return formatter.format(record)

    def _readable(self, record: logging.LogRecord, run: Run | None, state: Any) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        where = record.name if run is None else _run_path(run)
        level, message = f"{record.levelname:<8}", message_of(record)
        if colours.are_wanted(sys.stderr):
            level = colours.of_level(level, record.levelno)
            message = message if state is None else colours.of_state(message, state)
        line = f"{clock}.{int(record.msecs):03d}  {level} {where}  {message}"
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return f"{line}\n{self.formatStack(record.stack_info)}" if record.stack_info else line


PrefectFormatter = ConsoleFormatter


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for what collects logs.

    Args:
        fmt: `default`: one line; `pretty`: indented.
        datefmt: Not used: times are ISO 8601, in UTC.
        style: Not used.
        validate: Not used.

    Raises:
        ValueError: `fmt` is something else.
    """

    def __init__(
        self,
        fmt: str | None = "default",
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
    ) -> None:
        super().__init__()
        if fmt not in ("default", "pretty", None):
            raise ValueError(f"the format of a JsonFormatter must be 'default' or 'pretty', not {fmt!r}")
        self._indent = 2 if fmt == "pretty" else None

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; the keys of the run that it belongs to are there only where it belongs to one."""
        content: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record),
            **{name: value for name, value in names_of(note_of(record).run).items() if value is not None},
            "thread": record.threadName,
            "process": record.process,
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            content["stack"] = self.formatStack(record.stack_info)
        return json.dumps(content, indent=self._indent, ensure_ascii=False)


def _run_path(run: Run) -> str:
    flow_run = getattr(run, "flow_run", None)
    return run.name if flow_run is None else f"{flow_run.name}/{run.name}"
