"""One flow run by hand, on its way to the server: which report is next, and when it is to be sent."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from alisio.engine.limited_tags import limited_tags_of
from alisio.engine.outbox import Outbox
from alisio.engine.pause_requests import PAUSES, ask_to_pause
from alisio.settings import Settings

FIRST_REPORT_SECONDS = 0.1
REPORT_SECONDS = 0.5
HEARTBEAT_SECONDS = 10.0
MAX_BACK_OFF_SECONDS = 10.0


class Sender(Protocol):
    """Who sends the reports of recordings: the reporter."""

    def add(self, recording: Recording, /) -> None:
        """Report on one more run."""
        ...

    def wake(self) -> None:
        """Look at the outboxes again."""
        ...


class Recording:
    """One root flow run by hand, and how far the server knows of it.

    Attributes:
        outbox: Its news.
        settings: Those that held when it began: they name the server.

    Args:
        sender: Who is to send its reports.
    """

    def __init__(self, sender: Sender, settings: Settings) -> None:
        self.outbox = Outbox(self._on_news)
        self.outbox.limited_tags = limited_tags_of(settings)
        self.settings = settings
        self._sender = sender
        self._added = False
        self._sequence = 0
        self._report: dict[str, Any] | None = None
        self._next_at = 0.0
        self._back_off = 0.0
        self._thread = threading.get_ident()

    @property
    def settled(self) -> bool:
        """Whether the server knows all that there is to know now."""
        return self._report is None and not self.outbox.has_news

    @property
    def over(self) -> bool:
        """Whether the run has ended and the server knows all of it."""
        return self.outbox.ended and self.settled

    def due_at(self, hurry: bool) -> float:
        """Tell when to send next, by the monotonic clock: news soon, the end at once, otherwise a heartbeat."""
        if self._back_off:
            return min(self._next_at, self._next_at - self._back_off + REPORT_SECONDS) if hurry else self._next_at
        if self.outbox.ended or (hurry and not self.settled):
            return 0.0
        return self._next_at if self.outbox.has_news else self._next_at + HEARTBEAT_SECONDS - REPORT_SECONDS

    def next_report(self) -> dict[str, Any]:
        """Give the report to send: the one that was not answered, else a new one."""
        if self._report is None:
            self._sequence += 1
            body = self.outbox.take() or {}
            self._report = {"attempt": 1, "sequence": self._sequence, "origin": "script", **body}
        return self._report

    def accepted(self, answer: Any) -> None:
        """Note that the report is stored, and do what the answer asks for."""
        self._report = None
        self._back_off = 0.0
        self._next_at = time.monotonic() + REPORT_SECONDS
        self.outbox.limited_tags.tell(answer.limited_tags)
        for directive in answer.directives:
            if directive.kind == "cancel":
                self._cancel()
            elif directive.kind in PAUSES:
                ask_to_pause(self.outbox.root, directive.kind)

    def unanswered(self) -> None:
        """Note that the report must be sent again, later each time."""
        self._back_off = min(max(self._back_off * 2, REPORT_SECONDS), MAX_BACK_OFF_SECONDS)
        self._next_at = time.monotonic() + self._back_off

    def _on_news(self) -> None:
        if self._added:
            self._sender.wake()
            return
        # A moment later, so that a short run takes only one report.
        self._added = True
        self._next_at = time.monotonic() + FIRST_REPORT_SECONDS
        self._sender.add(self)

    def _cancel(self) -> None:
        run = self.outbox.root
        if run.cancel_requested or run.closed or run.ending is not None:
            return
        run.cancel_requested = True
        from alisio.engine.timeouts import interrupt

        interrupt(self._thread)
