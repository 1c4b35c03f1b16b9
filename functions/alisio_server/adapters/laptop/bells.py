"""Wake-ups within one process: agents wait in the event loop, and every one that waits hears each ring.

Rings are numbered by one sequence that begins at the milliseconds since 1970, so it grows over restarts too.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alisio.contract.base import utc_now
from alisio.contract.work_pools import WakeUpAnswer
from alisio_server.ports import WakeUp

# A clock that is set, or a machine that slept, is noticed after this many seconds.
_LONGEST_NAP = 30.0


@dataclass(eq=False)
class _Waiter:
    queue_ids: frozenset[UUID]
    loop: asyncio.AbstractEventLoop
    heard: asyncio.Event


class Bells:
    """The bell of a laptop's server: the `WakeUps` port, and what long polls wait on.

    A wake-up whose run is due later is kept in a heap and rung by a thread, which starts with the first of them.
    """

    def __init__(self) -> None:
        self._first = time.time_ns() // 1_000_000
        self._sequence = self._first
        self._last_rung: dict[UUID, int] = {}
        self._waiters: set[_Waiter] = set()
        self._delayed: list[tuple[datetime, UUID]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Ring for the runs that are due; keep the others until they are."""
        now = utc_now()
        with self._changed:
            for wake_up in wake_ups:
                if wake_up.due <= now:
                    self._ring(wake_up.work_queue_id)
                elif not self._closed:
                    heapq.heappush(self._delayed, (wake_up.due, wake_up.work_queue_id))
                    self._ensure_thread()
            self._changed.notify_all()

    async def wait(self, queue_ids: Iterable[UUID], after: int, timeout: float) -> WakeUpAnswer:
        """Wait in the running event loop until one of the queues is rung for.

        Args:
            queue_ids: The queues to listen for.
            after: The sequence of the last answer; a ring since then is answered at once. So is a number that
                another server gave, for nobody knows what was rung meanwhile. 0 asks for the rings of this one.
            timeout: Seconds to wait.

        Returns:
            Whether it rang (closing the bells does not count), and the sequence to wait after next time.
        """
        waiter = _Waiter(frozenset(queue_ids), asyncio.get_running_loop(), asyncio.Event())
        with self._changed:
            if self._rang(waiter, after) or self._closed:
                return self._answer(waiter, after)
            self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter.heard.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                self._waiters.discard(waiter)
        with self._changed:
            return self._answer(waiter, after)

    @property
    def waiting(self) -> int:
        """How many wait at this moment."""
        with self._changed:
            return len(self._waiters)

    def close(self) -> None:
        """Send everybody home who waits, and let go of the delayed wake-ups (`wake_at` brings them back)."""
        with self._changed:
            self._closed = True
            self._delayed.clear()
            for waiter in self._waiters:
                waiter.loop.call_soon_threadsafe(waiter.heard.set)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _rang(self, waiter: _Waiter, after: int) -> bool:
        if after and not self._first <= after <= self._sequence:
            return True
        return any(self._last_rung.get(queue_id, 0) > after for queue_id in waiter.queue_ids)

    def _answer(self, waiter: _Waiter, after: int) -> WakeUpAnswer:
        return WakeUpAnswer(rang=self._rang(waiter, after), sequence=self._sequence)

    def _ring(self, queue_id: UUID) -> None:
        self._sequence += 1
        self._last_rung[queue_id] = self._sequence
        for waiter in self._waiters:
            if queue_id in waiter.queue_ids:
                waiter.loop.call_soon_threadsafe(waiter.heard.set)

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._ring_when_due, name="alisio-bells", daemon=True)
            self._thread.start()

    def _ring_when_due(self) -> None:
        with self._changed:
            while not self._closed:
                now = utc_now()
                while self._delayed and self._delayed[0][0] <= now:
                    self._ring(heapq.heappop(self._delayed)[1])
                nap = _LONGEST_NAP
                if self._delayed:
                    nap = min(nap, (self._delayed[0][0] - now).total_seconds())
                self._changed.wait(nap)
