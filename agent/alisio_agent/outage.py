"""Saying once that something is away, and once that it is back."""

from __future__ import annotations

import logging
import random
import threading

from alisio_agent.supervisor.timing import back_off

logger = logging.getLogger("alisio.agent")


class Outage:
    """What the agent's threads know together of the API, or something else, being away.

    Args:
        what: What people know it by.
    """

    def __init__(self, what: str = "the API") -> None:
        self._what = what
        self._lock = threading.Lock()
        self._said: set[str] = set()  # its threads may fail in different ways by turns

    @property
    def lasts(self) -> bool:
        """Whether the last that was heard is that it is away."""
        with self._lock:
            return bool(self._said)

    def begin(self, error: Exception, failures: int) -> float:
        """Take note of a call that failed.

        Args:
            error: Why.
            failures: How many calls of this thread have failed in a row.

        Returns:
            Seconds to wait before the next try.
        """
        text = str(error)
        with self._lock:
            if text not in self._said:
                self._said.add(text)
                logger.warning("%s; trying until it answers", text)
        return back_off(failures, random.random())

    def end(self) -> None:
        """Take note of a call that succeeded."""
        with self._lock:
            if self._said:
                self._said.clear()
                logger.info("%s answers again", self._what)
