"""The reckoning: the book of the flows against the database, and both against what is promised."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.chaos.creator import Order
from tests.chaos.kinds import KINDS, UNENDED, Kind
from tests.chaos.ledger import TERMINAL, Entry, Ledger, as_id, read_book

_NEVER = datetime.max.replace(tzinfo=UTC)
_ALARM = re.compile(r"^([0-9.]+) ERROR ALARM", re.MULTILINE)


@dataclass
class Finding:
    """What one check found.

    Attributes:
        promise: What was checked.
        checked: How often.
        breaches: What was not as promised, one line each.
    """

    promise: str
    checked: int
    breaches: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A run as the database has it in the end."""

    id: str
    deployment: str
    key: str | None
    occurrence: Any
    state: str
    attempt: int


class Reckoning:
    """Compares the ledgers.

    Args:
        ledger: The database.
        book: The file that the flows wrote.
        deployments: Their ids by the names of the kinds.
        orders: The runs that were asked for.
        paused_after: The schedule's runs that were due before then have ended when it was paused.
    """

    def __init__(
        self,
        ledger: Ledger,
        book: Path,
        deployments: dict[str, str],
        orders: list[Order],
        paused_after: datetime = _NEVER,
    ) -> None:
        self._ledger = ledger
        self._paused_after = paused_after
        self._orders = orders
        kinds = {deployment: name for name, deployment in deployments.items()}
        query = "SELECT id, deployment_id, idempotency_key, occurrence, state_type, attempt FROM flow_run "
        rows = ledger.rows(query + "WHERE root_flow_run_id = id")
        self.runs = [
            Run(as_id(run), kinds[as_id(deployment)], key, occurrence, state, attempt)
            for run, deployment, key, occurrence, state, attempt in rows
        ]
        self._entries: dict[tuple[str, int], list[Entry]] = defaultdict(list)
        for entry in read_book(book):
            self._entries[entry.run, entry.attempt].append(entry)

    def findings(self) -> list[Finding]:
        """Check all of it."""
        return [
            self._none_lost(),
            self._every_occurrence(),
            self._none_twice(),
            self.none_begun_again(
                "no second attempt without retries", [run for run in self.runs if KINDS[run.deployment].once]
            ),
            self._none_stuck(),
            self._no_slot_left(),
            self._whole_in_the_book(),
            self._task_runs(),
            self._log_lines(),
        ]

    def history(self, run_id: str) -> str:
        """Tell the history of a run on one line."""
        query = "SELECT flow_run_id, attempt, name, message, timestamp FROM flow_run_state ORDER BY id"
        rows = [row for row in self._ledger.rows(query) if as_id(row[0]) == run_id]
        return " > ".join(
            f"{attempt} {name} {at:%H:%M:%S}" + (f" ({message[:60]})" if message else "")
            for _, attempt, name, message, at in ((*row[:4], _instant(row[4])) for row in rows)
        )

    def _none_lost(self) -> Finding:
        stored = Counter(run.key for run in self.runs)
        ids = {run.id for run in self.runs}
        breaches = [
            f"{order.key} of round {order.round}: answered {order.run}, stored {stored[order.key]} times"
            for order in self._orders
            if stored[order.key] != 1 or order.run not in ids
        ]
        return Finding("no run lost, none made twice", len(self._orders), breaches)

    def _every_occurrence(self) -> Finding:
        # What was due later may be taken away by the pause, and not in the order of the times.
        times = sorted(_instant(run.occurrence) for run in self.runs if run.occurrence is not None)
        times = [time for time in times if time < self._paused_after]
        breaches = [
            f"no run between {before:%H:%M:%S} and {after:%H:%M:%S}"
            for before, after in pairwise(times)
            if (after - before).total_seconds() != _INTERVAL_SECONDS
        ]
        return Finding("every time of the schedule has its run", len(times), breaches)

    def _none_twice(self) -> Finding:
        breaches = []
        for (run, attempt), entries in self._entries.items():
            begun = Counter(entry.label for entry in entries if entry.event == "begin")
            for label, times in begun.items():
                if times > 1:
                    breaches.append(f"{run}: attempt {attempt} began {label} {times} times: {self.history(run)}")
        return Finding("nothing of an attempt begun twice", len(self._entries), breaches)

    def none_begun_again(self, promise: str, runs: list[Run]) -> Finding:
        """Check that of each run no more than one attempt ever began.

        Args:
            promise: What is checked, in words.
            runs: Which runs.
        """
        breaches = []
        for run in runs:
            attempts = sorted(attempt for known, attempt in self._entries if known == run.id)
            if len(attempts) > 1:
                breaches.append(f"{run.id} was begun by attempts {attempts}: {self.history(run.id)}")
        return Finding(promise, len(runs), breaches)

    def _none_stuck(self) -> Finding:
        breaches = []
        for run in self.runs:
            if run.state not in TERMINAL:
                breaches.append(f"{run.id} ({run.deployment}) is {run.state}: {self.history(run.id)}")
            elif run.state not in KINDS[run.deployment].ends_in:
                breaches.append(f"{run.id} ({run.deployment}) ended {run.state}: {self.history(run.id)}")
        query = "SELECT root_flow_run_id FROM flow_run WHERE state_type NOT IN " + _ENDS + " AND root_flow_run_id <> id"
        breaches += [f"a subflow run of {as_id(root)} has not ended" for (root,) in self._ledger.rows(query)]
        return Finding("none stuck, each in an end that it may have", len(self.runs), breaches)

    def _no_slot_left(self) -> Finding:
        rows = self._ledger.rows("SELECT limit_key, flow_run_id FROM concurrency_slot")
        return Finding("no slot left", len(self.runs), [f"{key}: {as_id(run)}" for key, run in rows])

    @cached_property
    def _completed(self) -> list[tuple[Run, Kind]]:
        return [(run, KINDS[run.deployment]) for run in self.runs if run.state == "COMPLETED"]

    def _whole_in_the_book(self) -> Finding:
        breaches = []
        for run, kind in self._completed:
            entries = self._entries[run.id, run.attempt]
            begun = {entry.label for entry in entries if entry.event == "begin"}
            ended = {entry.label for entry in entries if entry.event == "end"}
            missing = (kind.labels - begun) | (kind.labels - UNENDED - ended)
            if missing:
                breaches.append(f"{run.id}: attempt {run.attempt} lacks {sorted(missing)}: {self.history(run.id)}")
        return Finding("completed runs did all they had to", len(self._completed), breaches)

    def _task_runs(self) -> Finding:
        query = (
            "SELECT r.root_flow_run_id, t.attempt, t.state_type, count(*) "
            "FROM task_run t JOIN flow_run r ON r.id = t.flow_run_id GROUP BY 1, 2, 3"
        )
        stored: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        for root, attempt, state, number in self._ledger.rows(query):
            stored[as_id(root), attempt][state] = number
        breaches = [f"a task run of {run} is {states}" for run, states in _unended(stored)]
        for run, kind in self._completed:
            wanted = {"COMPLETED": kind.task_runs} if kind.task_runs else {}
            if stored[run.id, run.attempt] != wanted:
                breaches.append(f"{run.id} has {stored[run.id, run.attempt]} for {wanted}: {self.history(run.id)}")
        return Finding("each task run stored once, and ended", len(self._completed), breaches)

    def _log_lines(self) -> Finding:
        query = (
            "SELECT r.root_flow_run_id, l.attempt, l.message, count(*) "
            "FROM log l JOIN flow_run r ON r.id = l.flow_run_id WHERE l.message LIKE 'mark %' GROUP BY 1, 2, 3"
        )
        stored: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        for root, attempt, message, number in self._ledger.rows(query):
            stored[as_id(root), attempt][message.removeprefix("mark ")] = number
        breaches = [
            f"{run}: attempt {attempt} has lines more than once: {lines}"
            for (run, attempt), lines in stored.items()
            if lines.most_common(1)[0][1] > 1
        ]
        for run, kind in self._completed:
            missing = kind.labels - stored[run.id, run.attempt].keys()
            if missing:
                breaches.append(f"{run.id}: no line of {sorted(missing)}: {self.history(run.id)}")
        return Finding("each log line stored once", len(self._completed), breaches)


_INTERVAL_SECONDS = 7.0
_ENDS = "('" + "', '".join(TERMINAL) + "')"


def _unended(stored: dict[tuple[str, int], dict[str, int]]) -> Iterable[tuple[str, set[str]]]:
    for (run, _), states in stored.items():
        if states.keys() - set(TERMINAL):
            yield run, states.keys() - set(TERMINAL)


def _instant(value: Any) -> datetime:
    """Read an instant; SQLite gives a text without a zone, in UTC."""
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def alarms_in(logs: Iterable[Path]) -> list[float]:
    """Find in the logs of servers when they moved leases on, by the monotonic clock."""
    return sorted(float(at) for log in logs if log.exists() for at in _ALARM.findall(log.read_text()))
