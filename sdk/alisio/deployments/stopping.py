"""Ending an agent that runs in a thread beside an event loop: signals come to the loop."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """The part of an agent that is used here."""

    def stop(self) -> None:
        """End in order."""
        ...


class Stopper:
    """Ends an agent at the first signal, and the process at the second.

    Args:
        loop: The event loop; where it is not that of the main thread, signals are left alone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._agent: Stoppable | None = None
        self._asked = False

    def begin(self, agent: Stoppable) -> None:
        """Watch over an agent from now on; called in its thread."""
        self._loop.call_soon_threadsafe(self._begin, agent)

    def stop(self) -> None:
        """Let the agent end in order; one that has not begun does when it begins."""
        self._asked = True
        if self._agent is not None:
            self._agent.stop()

    def end(self) -> None:
        """Leave signals as they were."""
        for number in SIGNALS:
            with suppress(ValueError, RuntimeError):
                self._loop.remove_signal_handler(number)

    def _begin(self, agent: Stoppable) -> None:
        self._agent = agent
        if self._asked:
            agent.stop()
        for number in SIGNALS:
            with suppress(ValueError, RuntimeError):  # this is not the main thread
                self._loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        if self._asked:
            os._exit(128 + number)
        self.stop()
