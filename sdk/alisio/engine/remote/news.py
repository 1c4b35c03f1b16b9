"""The flow's side: takes in what a worker tells while it runs a task."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from alisio.contract.states import StateType
from alisio.engine.jsonable import clean_text
from alisio.engine.outbox import MAX_LOG_MESSAGE, LogEntry, Outbox
from alisio.engine.remote.errors import received
from alisio.engine.remote.transfer import unpack
from alisio.engine.remote.worker import Answer, Frame, shown_elsewhere
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import TransferError
from alisio.logging import RunLogger
from alisio.logging.records import NOTE, Note, names_of

PATIENCE_SECONDS = 5.0
"""How long to wait for news that were sent before an answer and have not arrived."""

ROWS = ("subflows", "task_runs", "artifacts", "events")


class RelayedEntry(LogEntry):
    """A log line that a worker has told."""

    line: dict[str, Any]

    def to_line(self, _root: FlowRun) -> dict[str, Any]:
        """Give it as a `LogLine` of the contract."""
        return self.line


class Listener:
    """Takes the frames of one job, each once, in their order."""

    def __init__(self, run: TaskRun) -> None:
        self._run = run
        self._taken = 0
        self._early: dict[int, Frame] = {}
        self._changed = threading.Condition()

    def begun(self) -> None:
        """Note that a worker has begun: the run waited until now, though it was given away before."""
        self._set_begin(time.time())

    def ended(self, seconds: float) -> None:
        """Note how long the worker took: the news that it had begun may have been late."""
        history = self._run.history
        if history and history[-1].at > (latest := time.time() - seconds):
            self._set_begin(latest)

    def _set_begin(self, at: float) -> None:
        history = self._run.history
        if history and history[-1].type is StateType.RUNNING and not self._run.closed:
            history[-1] = history[-1]._replace(at=at)
            if self._run.outbox is not None:
                self._run.outbox.put(self._run)

    def take(self, number: int, frame: Frame) -> None:
        """Take a frame, unless it was taken before; one that is early waits for those before it.

        Args:
            number: Counts the frames of a job, from 1.
            frame: What an outbox gives.
        """
        with self._changed:
            if number > self._taken:
                self._early[number] = frame
            while (following := self._early.pop(self._taken + 1, None)) is not None:
                self._taken += 1
                self._absorb(following)
            self._changed.notify_all()

    def wait_for(self, number: int, timeout: float) -> bool:
        """Wait until a frame has been taken, so many seconds at most; tell whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._taken >= number, timeout)

    def take_rest(self, tail: list[tuple[int, Frame]]) -> None:
        """Take what came with the answer; where it is not all that is missing, wait a while for that first."""
        for number, frame in tail:
            self.take(number, frame)
        if tail and not self.wait_for(tail[-1][0], PATIENCE_SECONDS):
            self.take_early()

    def take_early(self) -> None:
        """Take what has arrived, though something before it has not and will not."""
        with self._changed:
            for number in sorted(self._early):
                missing = number - 1 - self._taken
                if missing:
                    RunLogger(self._run).warning("%d parts of what its worker told have not arrived", missing)
                self._taken = number
                self._absorb(self._early.pop(number))

    def _absorb(self, frame: Mapping[str, Any]) -> None:
        outbox, elsewhere = self._run.outbox, shown_elsewhere(frame)
        if outbox is not None:
            _put(outbox, frame, self._run)
        for line in frame.get("logs", ()):
            if "send_to_api" not in line and outbox is not None:  # a handler has kept it where it was written
                outbox.put_log(_entry(line, self._run))
            if elsewhere:
                _handle(line, self._run)


def opened(answer: Answer, run: TaskRun) -> Any:
    """Give the result that a worker has answered with, and the run's transaction what was set in the worker's.

    Raises:
        BaseException: What the function raised.
        TransferError: The answer cannot be read here.
    """
    if answer.error is not None:
        raise received(answer.error)
    try:
        if run.transaction is not None:
            for name, value in answer.values.items():
                run.transaction.set(name, unpack(value))
        return unpack(answer.value or b"")
    except Exception as error:
        raise TransferError(f"the result of task {run.definition.name!r} cannot be read here: {error}") from error


def _entry(line: dict[str, Any], run: TaskRun) -> RelayedEntry:
    entry = RelayedEntry(0.0, line["level"], line["logger"], line["message"], run)
    entry.line = line
    return entry


def _put(outbox: Outbox, frame: Mapping[str, Any], run: TaskRun) -> None:
    for kind in ROWS:
        for row in frame.get(kind, ()):
            outbox.put_row(kind, row)
    for row in frame.get("asset_metadata", ()):
        from alisio.engine.lineage import take_metadata

        take_metadata(run, row)
    outbox.miss_logs(frame.get("dropped_logs", 0))


class _RunElsewhere:
    """What handlers are told that a line belongs to. As its outbox it keeps the line as the worker has told it."""

    def __init__(self, line: dict[str, Any], run: TaskRun) -> None:
        self.outbox = self if run.outbox is not None and line.get("send_to_api") else None
        self._line = line
        self._run = run
        own = line.get("task_run_id") == str(run.id)
        self.name = run.name if own else f"{run.name}/…"
        self.flow_run = getattr(run, "flow_run", None)  # a flow's own code may have told it
        self.definition = run.definition
        self.id = self.task_run_id = run.id

    def put_log(self, entry: LogEntry) -> None:
        """Keep the line, with the message that the handler's formatter has made of its own."""
        assert self._run.outbox is not None
        line = {**self._line, "message": clean_text(entry.message, MAX_LOG_MESSAGE)}
        del line["send_to_api"]
        self._run.outbox.put_log(_entry(line, self._run))


def _handle(line: dict[str, Any], run: TaskRun) -> None:
    """Give a line to the handlers of this process, as if it had been logged here."""
    message = line["message"]
    record = logging.LogRecord(line["logger"], line["level"], "", 0, message, None, None)
    record.created = datetime.fromisoformat(line["timestamp"]).timestamp()
    record.msecs = record.created % 1 * 1_000
    elsewhere = cast(Any, _RunElsewhere(line, run))
    record.__dict__.update({**names_of(elsewhere), NOTE: Note(elsewhere)})
    logging.getLogger(line["logger"]).handle(record)
