"""Counting what failed by where it came from, so that nobody can try keys by the thousand."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_FAILURES = 10
WINDOW_SECONDS = 60.0
_MAX_SOURCES = 10_000


class Throttle:
    """The failures of the last minute by their source. Not safe for threads: its owner holds a lock.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, source: str) -> None:
        """Take note of a failure."""
        times = self._failures.setdefault(source, deque(maxlen=MAX_FAILURES))
        times.append(self._clock())
        self._failures.move_to_end(source)
        if len(self._failures) > _MAX_SOURCES:
            self._failures.popitem(last=False)

    def pause_of(self, source: str) -> int:
        """Tell how many whole seconds a source has to wait before its next try; 0: none."""
        times = self._failures.get(source)
        if times is None or len(times) < MAX_FAILURES:
            return 0
        return max(0, math.ceil(times[0] + WINDOW_SECONDS - self._clock()))
