"""Wake-ups that are due later: kept in a heap, and let go by a thread when their time has come."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from alisio.contract.base import utc_now
from alisio_server.ports import WakeUp

# A clock that is set, or a machine that slept, is noticed after this many seconds.
_LONGEST_NAP = 30.0
_RETRY_AFTER = timedelta(seconds=1)
_log = logging.getLogger(__name__)


class Delays:
    """Keeps wake-ups until they are due by this process's clock.

    Args:
        let_go: Called from a thread with what is due. While it raises OSError it is called again every second.
    """

    def __init__(self, let_go: Callable[[list[WakeUp]], None]) -> None:
        self._let_go = let_go
        # Wake-ups have no order of their own; numbers settle it where they are due at once.
        self._heap: list[tuple[datetime, int, WakeUp]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failing = False

    def keep(self, wake_ups: Iterable[WakeUp]) -> None:
        """Add wake-ups. The thread begins with the first one."""
        with self._changed:
            for wake_up in wake_ups:
                heapq.heappush(self._heap, (wake_up.due, next(self._numbers), wake_up))
            if self._heap and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="alisio-delays", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Forget what is kept: `wake_at` brings it back."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (due := self._wait_for_due()) is not None:
            try:
                self._let_go(due)
                self._failing = False
            except OSError as error:
                if not self._failing:
                    _log.error("wake-ups cannot be sent, and are tried again every second: %s", error)
                self._failing = True
                again = utc_now() + _RETRY_AFTER
                self.keep(replace(wake_up, due=again) for wake_up in due)

    def _wait_for_due(self) -> list[WakeUp] | None:
        """Wait until something is due; None once closed."""
        with self._changed:
            while not self._closed:
                now = utc_now()
                due = []
                while self._heap and self._heap[0][0] <= now:
                    due.append(heapq.heappop(self._heap)[2])
                if due:
                    return due
                nap = _LONGEST_NAP
                if self._heap:
                    nap = min(nap, (self._heap[0][0] - now).total_seconds())
                self._changed.wait(nap)
        return None
