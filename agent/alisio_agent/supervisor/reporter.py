"""Sending reports: numbers, one at a time, again until they are accepted."""

from __future__ import annotations

import json
import random
from math import inf
from typing import Any, NamedTuple

from alisio_agent.supervisor.api import Api, Reply
from alisio_agent.supervisor.records import LOGGER, WARNING, log_line
from alisio_agent.supervisor.reports import (
    MAX_BYTES,
    MAX_GZIP_BYTES,
    MAX_ROWS,
    Outbox,
    compress,
    encode,
    render,
)
from alisio_agent.supervisor.spool import Row
from alisio_agent.supervisor.timing import Timing, back_off

_REFUSED = (400, 413, 422)
_SUPERSEDED = (404, 409, 410)


class SupersededError(Exception):
    """The API refuses the attempt: the run is another's now, or gone."""


class Answer(NamedTuple):
    """The API's answer to a report. `limited_tags` are the tags of tasks that have a limit."""

    state: dict[str, Any]
    directives: list[dict[str, Any]]
    limited_tags: list[str]


class Parcel(NamedTuple):
    """A report on its way."""

    rows: list[Row]
    dropped: int
    body: bytes
    headers: dict[str, str]


class Reporter:
    """Sends what is in an outbox, as the reports of one attempt.

    Attributes:
        sequence: The number of the last report that was accepted.
        failures: How many tries in a row got no answer of use; 0 while the API is there.
    """

    def __init__(self, api: Api, outbox: Outbox, flow_run_id: str, attempt: int, timing: Timing) -> None:
        self._api = api
        self._outbox = outbox
        self._path = f"/flow-runs/{flow_run_id}/reports"
        self._attempt = attempt
        self._timing = timing
        self._parcel: Parcel | None = None
        self._max_rows = MAX_ROWS
        self._not_before = 0.0
        self._last_start = 0.0
        self.sequence = 0
        self.failures = 0

    @property
    def is_done(self) -> bool:
        """Whether all has been accepted, the final state with it."""
        return self._outbox.closed and self._parcel is None and not self._outbox.has_news

    def due_at(self) -> float:
        """Tell when the next report is to be sent, by the monotonic clock; `inf` while one is under way."""
        if self._api.is_busy or self.is_done:
            return inf
        if self._parcel is not None or self.sequence == 0:
            return self._not_before
        pause = self._timing.heartbeat
        if self._outbox.closed or self._outbox.is_full:
            pause = 0.0
        elif self._outbox.has_news:
            pause = self._timing.report
        return max(self._not_before, self._last_start + pause)

    def send(self, now: float) -> None:
        """Begin to send: the report that failed once more, or else the next."""
        if self._parcel is None:
            self._parcel = self._pack()
        self._last_start = now
        self._api.post(self._path, self._parcel.body, self._parcel.headers)

    def collect(self, now: float) -> Answer | None:
        """Take the reply to a report if there is one.

        Returns:
            The answer to a report that is accepted now; None where there is none.

        Raises:
            SupersededError: The attempt is refused.
        """
        reply = self._api.collect()
        if reply is None:
            return None
        answer = _read_answer(reply) if reply.status == 200 else None
        if answer is not None:
            self.sequence += 1
            self.failures = 0
            self._parcel = None
            self._max_rows = MAX_ROWS
        elif reply.status in _SUPERSEDED or (reply.status in _REFUSED and self.sequence == 0):
            raise SupersededError(_explain(reply))
        elif reply.status in _REFUSED and self._parcel is not None and self._parcel.rows:
            self._divide(self._parcel, reply)
        else:
            self.failures += 1
            self._not_before = now + back_off(self.failures, random.random())
        return answer

    def _pack(self) -> Parcel:
        max_bytes = MAX_BYTES
        while True:
            rows, dropped = self._outbox.take(self._max_rows, max_bytes)
            body, headers = compress(render(rows, self._attempt, self.sequence + 1, dropped))
            if len(body) <= MAX_GZIP_BYTES or len(rows) <= 1:
                return Parcel(rows, dropped, body, headers)
            self._outbox.put_back(rows, dropped)
            max_bytes //= 2

    def _divide(self, parcel: Parcel, reply: Reply) -> None:
        """Find the row that the API refuses by sending ever fewer; leave it out once it is alone."""
        self._parcel = None
        if len(parcel.rows) > 1:
            self._max_rows = len(parcel.rows) // 2
            self._outbox.put_back(parcel.rows, parcel.dropped)
            return
        kind, body = parcel.rows[0]
        text = body[:200].decode("utf-8", "replace")
        message = f"the API refused a row of `{kind}`, which was left out: {_explain(reply)}; it begins {text}"
        substitute = ("logs", encode(log_line(WARNING, LOGGER, message)))
        self._outbox.put_back([] if kind == "logs" and LOGGER in text else [substitute], parcel.dropped)


def _read_answer(reply: Reply) -> Answer | None:
    try:
        document = json.loads(reply.body)
        directives, tags = document.get("directives", ()), document.get("limited_tags", ())
        return Answer(dict(document["state"]), list(directives), list(tags))
    except (ValueError, KeyError, TypeError):
        return None


def _explain(reply: Reply) -> str:
    try:
        return str(json.loads(reply.body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {reply.status}"
