"""Waking those of this process who wait for slots, when somebody else of this process gives some back.

Others hear of free slots when they ask again, as the server has told them. That is only a matter of speed: who gets
them is for the server to say.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_waiting: list[Bell] = []
_lock = threading.Lock()


class Bell:
    """Rings for somebody who waits, in a thread or in an event loop."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._rung = threading.Event()
        self._sleeper: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    @property
    def has_rung(self) -> bool:
        """Whether it has rung since it was last silenced."""
        return self._rung.is_set()

    def silence(self) -> None:
        """Wait for the next ring."""
        self._rung.clear()

    def wait(self, seconds: float) -> None:
        """Wait for a ring, no longer than this."""
        self._rung.wait(seconds)

    async def wait_async(self, seconds: float) -> None:
        """Wait for a ring in this event loop, no longer than this."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._sleeper = (loop, future)
        try:
            if not self._rung.is_set():
                await asyncio.wait([future], timeout=seconds)
        finally:
            self._sleeper = None
            future.cancel()

    def ring(self) -> None:
        """Wake who waits."""
        self._rung.set()
        sleeper = self._sleeper
        if sleeper is not None:
            loop, future = sleeper
            with suppress(RuntimeError):  # the loop is closed: nobody sleeps there any more
                loop.call_soon_threadsafe(_wake, future)


@contextmanager
def waiting_for(names: Iterable[str]) -> Iterator[Bell]:
    """Be rung for, in the order in which people came, while the block lasts."""
    bell = Bell(names)
    with _lock:
        _waiting.append(bell)
    try:
        yield bell
    finally:
        with _lock:
            _waiting.remove(bell)


def ring_for(names: Iterable[str]) -> None:
    """Wake the first of this process who waits for slots of one of these limits, and was not woken yet."""
    wanted = frozenset(names)
    with _lock:
        first = next((bell for bell in _waiting if bell.names & wanted and not bell.has_rung), None)
    if first is not None:
        first.ring()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _after_fork() -> None:
    # Those who wait are threads of the parent.
    global _lock
    _waiting.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
