"""What a log record carries of ours: which run it belongs to, and who has handled it already."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from alisio.context import current_flow_run, current_task_run

if TYPE_CHECKING:
    from alisio.contract.states import StateType
    from alisio.engine.base_run import Run

NOTE = "alisio_note"
"""The attribute of a record where it is kept."""


class Note:
    """What is known of a record besides its text. Sent to another process, nothing of it goes along.

    Attributes:
        run: The run that it belongs to.
        error: Whose traceback is to be kept below the line, though it is not shown.
        state: Of which state it tells.
        kept: Whether it is kept with the run already: a record may come to several handlers, or twice to one.
        shown_by: The handlers that have shown it.
    """

    __slots__ = ("error", "kept", "run", "shown_by", "state")

    def __init__(
        self, run: Run | None = None, error: BaseException | None = None, state: StateType | None = None
    ) -> None:
        self.run = run
        self.error = error
        self.state = state
        self.kept = False
        self.shown_by: list[logging.Handler] = []

    def __reduce__(self) -> tuple[type[Note], tuple[()]]:
        return Note, ()


def note_of(record: logging.LogRecord) -> Note:
    """Give what a record carries of ours; of one that came by another logger, that is made now."""
    note: Note | None = getattr(record, NOTE, None)
    if note is None:
        note = Note(current_task_run.get() or current_flow_run.get())
        setattr(record, NOTE, note)
    return note


def message_of(record: logging.LogRecord) -> str:
    """Give a record's message. Where its arguments do not fit, it says both, and that: the line is not lost."""
    try:
        return record.getMessage()
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        try:
            message = f"{record.msg} {record.args!r} (these arguments do not fit the message: {fault})"
        except Exception:
            message = f"a message of line {record.lineno} of {record.pathname} that cannot be made a text: {fault}"
        record.msg, record.args = message, ()
        return message


def names_of(run: Run | None) -> dict[str, Any]:
    """Give the attributes by which formats name a run; all are None where there is none."""
    flow_run: Any = getattr(run, "flow_run", run)
    task_run = run if run is not None and run.task_run_id is not None else None
    return {
        "flow_run_id": None if flow_run is None else str(flow_run.id),
        "flow_run_name": None if flow_run is None else flow_run.name,
        "flow_name": None if flow_run is None else flow_run.definition.name,
        "deployment_name": None if flow_run is None else flow_run.job.get("deployment_name"),
        "task_run_id": None if task_run is None else str(task_run.id),
        "task_run_name": None if task_run is None else task_run.name,
        "task_name": None if task_run is None else task_run.definition.name,
    }
