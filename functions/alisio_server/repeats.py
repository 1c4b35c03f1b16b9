"""Keeping one fault from filling the log: what goes wrong for every request is said once a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_PERIOD_SECONDS = 60.0
_MAX_REMEMBERED = 10_000


class Repeats:
    """Knows what was said a moment ago. Any thread may ask it.

    Args:
        period_seconds: After how long the same is news again.
        clock: Seconds that never go back.
    """

    def __init__(self, period_seconds: float = _PERIOD_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._period_seconds = period_seconds
        self._clock = clock
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_news(self, what: str) -> bool:
        """Tell whether something is to be said now, and take note that it is.

        Args:
            what: Names the fault. Where they are too many to be remembered, all become news again.
        """
        now = self._clock()
        with self._lock:
            said = self._said.get(what)
            if said is not None and now - said < self._period_seconds:
                return False
            if len(self._said) >= _MAX_REMEMBERED:
                self._said.clear()
            self._said[what] = now
            return True
