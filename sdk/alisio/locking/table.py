"""The locks of this process: who holds which key, and who waits for it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple


class _Holding(NamedTuple):
    holder: str
    ends: float


class LockTable:
    """Locks between the threads and coroutines of one process. Who waits is told, and does not ask again and again.

    All times are in seconds; None is for ever.
    """

    def __init__(self) -> None:
        self.clear()

    def acquire(self, key: str, holder: str, timeout: float | None, hold: float | None) -> bool:
        """Take a lock; see `LockManager.acquire_lock`."""
        return _wait(lambda tell: self._take(key, holder, hold, tell), timeout)

    async def aacquire(self, key: str, holder: str, timeout: float | None, hold: float | None) -> bool:
        """Take a lock without blocking the event loop."""
        return await _await(lambda tell: self._take(key, holder, hold, tell), timeout)

    def wait(self, key: str, timeout: float | None) -> bool:
        """Wait until a lock is free; see `LockManager.wait_for_lock`."""
        return _wait(lambda tell: self._watch(key, tell), timeout)

    async def await_free(self, key: str, timeout: float | None) -> bool:
        """Wait until a lock is free without blocking the event loop."""
        return await _await(lambda tell: self._watch(key, tell), timeout)

    def release(self, key: str, holder: str) -> None:
        """Give a lock back, and tell those who wait for it.

        Raises:
            ValueError: The holder does not have it.
        """
        with self._changing:
            if self._holder_of(key) != holder:
                raise ValueError(f"{holder!r} does not hold the lock of {key!r}")
            del self._held[key]
            waiting = self._waiting.pop(key, ())
        for tell in waiting:
            tell()

    def holder_of(self, key: str) -> str | None:
        """Tell who has a lock."""
        with self._changing:
            return self._holder_of(key)

    def clear(self) -> None:
        """Forget all locks, as a forked process must: they are its parent's."""
        self._changing = threading.Lock()
        self._held: dict[str, _Holding] = {}
        self._waiting: dict[str, list[Callable[[], object]]] = {}

    def _holder_of(self, key: str) -> str | None:
        holding = self._held.get(key)
        return holding.holder if holding is not None and holding.ends > time.monotonic() else None

    def _take(self, key: str, holder: str, hold: float | None, tell: Callable[[], object]) -> float | None:
        """Take a lock; where another has it, arrange for `tell`, and give the seconds until that one's time ends."""
        with self._changing:
            if self._holder_of(key) in (None, holder):
                self._held[key] = _Holding(holder, math.inf if hold is None else time.monotonic() + hold)
                return None
            return self._wait_for(key, tell)

    def _watch(self, key: str, tell: Callable[[], object]) -> float | None:
        with self._changing:
            return None if self._holder_of(key) is None else self._wait_for(key, tell)

    def _wait_for(self, key: str, tell: Callable[[], object]) -> float:
        self._waiting.setdefault(key, []).append(tell)
        return self._held[key].ends - time.monotonic()


_Try = Callable[[Callable[[], object]], float | None]
"""Tries something; where it must wait, it arranges that its argument is called, and gives the seconds to wait."""


def _wait(attempt: _Try, timeout: float | None) -> bool:
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        changed = threading.Event()
        longest = attempt(changed.set)
        if longest is None:
            return True
        left = min(longest, deadline - time.monotonic())
        if left <= 0:
            return False
        changed.wait(None if left == math.inf else left)


async def _await(attempt: _Try, timeout: float | None) -> bool:
    loop = asyncio.get_running_loop()
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        changed = asyncio.Event()
        longest = attempt(lambda changed=changed: _tell(loop, changed))  # type: ignore[misc]
        if longest is None:
            return True
        left = min(longest, deadline - time.monotonic())
        if left <= 0:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), None if left == math.inf else left)


def _tell(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
        loop.call_soon_threadsafe(changed.set)
