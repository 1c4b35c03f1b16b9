"""The outbox of a root flow run: its news, gathered by id until somebody takes them away in frames.

A frame is the body of a report, or a line of a supervised child's pipe: JSON data, within the limits of the
contract. Threads put news in at any time; they cost a dictionary entry, and are turned into data when taken.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from alisio.contract.states import StateType
from alisio.engine.base_run import Run
from alisio.engine.history import StateEntry
from alisio.engine.jsonable import clean_text
from alisio.engine.limited_tags import LimitedTags
from alisio.engine.runs import FlowRun, TaskRun

MAX_ROWS = 1_000
FULL_AT_BYTES = 350_000
"""A frame takes no more rows when its JSON, in ASCII, is as long as this. With the largest row as its last it stays
under the megabyte that a line of the pipe, and a packed report, may have."""

MAX_LOG_MESSAGE = 100_000
MAX_WAITING_LOGS = 100_000
"""While nobody takes the news away, debug lines beyond this many are let go, and counted."""

MAX_WAITING_LOG_BYTES = 256_000_000
"""Nor are lines of any level kept beyond this: a flood must not take the memory that the flow's own work needs."""

_ENTRY_BYTES = 250


class LogEntry(NamedTuple):
    """A log line of a run. `at` is in seconds since 1970."""

    at: float
    level: int
    logger: str
    message: str
    run: Run

    def to_line(self, root: FlowRun) -> dict[str, Any]:
        """Give it as a `LogLine` of the contract."""
        flow_run = self.run.flow_run if isinstance(self.run, TaskRun) else self.run
        return {
            "timestamp": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "level": min(max(self.level, 0), 100),
            "logger": clean_text(self.logger, 200),
            "message": clean_text(self.message, MAX_LOG_MESSAGE),
            "flow_run_id": None if flow_run is None or flow_run is root else str(flow_run.id),
            "task_run_id": str(self.run.id) if isinstance(self.run, TaskRun) else None,
        }


class Outbox:
    """News of one root flow run and of all that runs under it.

    Args:
        wake: Called when there are news after there were none, and when the root has ended.
        wake_for_log: Called instead, for each log line, in the thread that has logged it.

    Attributes:
        limited_tags: The tags with a limit, as far as the server has told.
    """

    def __init__(self, wake: Callable[[], None], wake_for_log: Callable[[], None] | None = None) -> None:
        self.limited_tags = LimitedTags()
        self._wake = wake
        self._wake_for_log = wake_for_log
        self._lock = threading.Lock()
        self._root: FlowRun | None = None
        self._muted = False
        self._announced = False
        self._facts_told = False
        self._facts_changed = False
        self._states_told = 0
        self._ending: StateEntry | None = None
        self._subflows: dict[FlowRun, None] = {}
        self._task_runs: dict[TaskRun, None] = {}
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._logs: deque[LogEntry] = deque()
        self._log_bytes = 0
        self._dropped_logs = 0

    def open(self, root: FlowRun, *, facts: bool = True) -> None:
        """Say whose outbox it is; news of that run are states of the root, not of a subflow.

        Args:
            root: The run.
            facts: Whether to tell its facts.
        """
        self._root = root
        self._facts_told = not facts

    @property
    def root(self) -> FlowRun:
        """The root flow run."""
        if self._root is None:
            raise RuntimeError("the outbox has no root yet")
        return self._root

    @property
    def ended(self) -> bool:
        """Whether the root flow run has come to its end."""
        return self.root.closed

    @property
    def has_news(self) -> bool:
        """Whether there is something to take."""
        return not self._muted and bool(
            self._states_told < len(self.root.history)
            or self._ending is not None
            or self._facts_changed
            or self._task_runs
            or self._logs
            or self._subflows
            or self._rows
        )

    def put(self, run: Run) -> None:
        """Note that there is something new about a run."""
        if self._muted:
            return
        if isinstance(run, TaskRun):
            with self._lock:
                self._task_runs[run] = None
        elif isinstance(run, FlowRun) and run is not self._root:
            with self._lock:
                self._subflows[run] = None
        if run is self._root and run.closed:
            # Whoever was told of news, and waits before they are taken, need not wait any longer.
            self._announced = False
        self._announce()

    def tell_facts(self) -> None:
        """Tell the facts of the root once more: they have changed."""
        self._facts_told = False
        self._facts_changed = True
        self._announce()

    def tell_ending(self, entry: StateEntry) -> None:
        """Tell the supervisor, if there is one, which state the root has ended in before its hooks are called."""
        if self.root.supervised and not self._muted:
            self._ending = entry
            # As with a line of the log: what comes next may kill the process.
            (self._wake_for_log or self._announce)()

    def put_row(self, kind: str, row: dict[str, Any]) -> None:
        """Note a row that is news already; one of the same `id` that still waits is replaced.

        Args:
            kind: `artifacts` or `events`.
            row: JSON data, as the contract has it.
        """
        if self._muted:
            return
        with self._lock:
            self._rows[kind, row["id"]] = row
        self._announce()

    def put_log(self, entry: LogEntry) -> None:
        """Keep a log line."""
        if self._muted:
            return
        with self._lock:
            spare = entry.level <= logging.DEBUG and len(self._logs) >= MAX_WAITING_LOGS
            if spare or self._log_bytes >= MAX_WAITING_LOG_BYTES:
                self._dropped_logs += 1
                return
            self._logs.append(entry)
            self._log_bytes += _size_of(entry)
        if self._wake_for_log is None:
            self._announce()
        else:
            self._wake_for_log()

    def miss_logs(self, count: int) -> None:
        """Note that this many lines were let go before they came here."""
        with self._lock:
            self._dropped_logs += count

    def mute(self) -> None:
        """Keep nothing any more: this process is a fork, and the parent tells of the run."""
        self._muted = True
        self._lock = threading.Lock()

    def take(self) -> dict[str, Any] | None:
        """Take the next frame out.

        Subflows come before the task runs and logs that belong to them, and the root's final state comes when
        there is nothing left before it.

        Returns:
            JSON data with the keys `facts`, `ending`, `states`, `subflows`, `task_runs`, `artifacts`, `events`, `logs`,
            `dropped_logs`, those that are not empty; None where there are no news.
        """
        if self._muted or self._root is None:
            return None
        self._announced = False
        frame = _Frame()
        self._move(self._subflows, frame, "subflows")
        self._move(self._task_runs, frame, "task_runs")
        self._move_rows(frame)
        self._move_logs(frame)
        with self._lock:
            dropped, self._dropped_logs = self._dropped_logs, 0
            more = bool(self._subflows or self._task_runs or self._rows or self._logs)
        if dropped:
            frame.body["dropped_logs"] = dropped
        self._add_root(frame, may_end=not more)
        if more or self._states_told < len(self.root.history):
            self._announce()
        return frame.body or None

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._wake()

    def _move(self, waiting: dict[Any, None], frame: _Frame, key: str) -> None:
        while not frame.full:
            with self._lock:
                run = next(iter(waiting), None)
                if run is None:
                    return
                del waiting[run]
            frame.add(key, run.to_news(self.root.id))

    def _move_rows(self, frame: _Frame) -> None:
        while not frame.full:
            with self._lock:
                first = next(iter(self._rows), None)
                if first is None:
                    return
                row = self._rows.pop(first)
            frame.add(first[0], row)

    def _move_logs(self, frame: _Frame) -> None:
        while not frame.full:
            with self._lock:
                if not self._logs:
                    return
                entry = self._logs.popleft()
                self._log_bytes -= _size_of(entry)
            frame.add("logs", entry.to_line(self.root))

    def _add_root(self, frame: _Frame, may_end: bool) -> None:
        ending, self._ending = self._ending, None
        if ending is not None:
            frame.body["ending"] = ending.to_record()
        if not self._facts_told:
            self._facts_told, self._facts_changed = True, False
            frame.body["facts"] = self.root.to_facts()
        states = []
        for entry in self.root.history[self._states_told : self._states_told + MAX_ROWS]:
            if entry.is_last and not may_end:
                break
            self._states_told += 1
            # A supervised run's RUNNING is the supervisor's to say: it opened the gate.
            if not (self.root.supervised and entry.type is StateType.RUNNING):
                states.append(entry.to_record())
        if states:
            frame.body["states"] = states


def _size_of(entry: LogEntry) -> int:
    return _ENTRY_BYTES + len(entry.message)


class _Frame:
    """A frame that fills up."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.rows = 0
        self.bytes = 0

    @property
    def full(self) -> bool:
        return self.rows >= MAX_ROWS or self.bytes >= FULL_AT_BYTES

    def add(self, key: str, row: dict[str, Any]) -> None:
        self.body.setdefault(key, []).append(row)
        self.rows += 1
        self.bytes += len(json.dumps(row))
