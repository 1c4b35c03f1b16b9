"""Wake-ups within one process: agents wait in the event loop, and every one that waits hears each ring.

Rings have numbers that only grow, over restarts too: microseconds since 1970. Where several processes share a
database, the database gives them (`shared_bells.py`), and all processes hear the same rings with the same numbers in
the same order; so an agent may wait in one process now and in another one next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from alisio.contract.base import utc_now
from alisio.contract.work_pools import WakeUpAnswer
from alisio_server.adapters.laptop.delays import Delays
from alisio_server.ports import WakeUp

_DAY_MICROSECONDS = 86_400_000_000


@dataclass(eq=False)
class _Waiter:
    queue_ids: frozenset[UUID]
    loop: asyncio.AbstractEventLoop
    heard: asyncio.Event
    interruptions: int


class Bells:
    """What long polls wait on.

    Args:
        shared: Other processes hear the same rings, and the number of one of theirs may come before the ring does.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self._first = self._sequence = time.time_ns() // 1_000
        self._interruptions = 0
        self._last_rung: dict[UUID, int] = {}
        self._waiters: set[_Waiter] = set()
        self._lock = threading.Lock()
        self._closed = False

    def ring(self, queue_ids: Iterable[UUID], number: int = 0) -> None:
        """Ring for queues, once for all.

        Args:
            queue_ids: Which queues.
            number: Of the ring; the next one where it is not greater than the last.
        """
        wanted = set(queue_ids)
        with self._lock:
            self._sequence = max(self._sequence + 1, number)
            self._last_rung.update(dict.fromkeys(wanted, self._sequence))
            self._call(waiter for waiter in self._waiters if not wanted.isdisjoint(waiter.queue_ids))

    def interrupt(self, number: int) -> None:
        """Say that rings before this number may have passed unheard: all who wait are told to look, now or next time.

        Args:
            number: Of the first moment from which on every ring will be heard.
        """
        with self._lock:
            self._first = self._sequence = max(self._sequence + 1, number)
            self._interruptions += 1
            self._call(self._waiters)

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
        with self._lock:
            waiter = _Waiter(frozenset(queue_ids), asyncio.get_running_loop(), asyncio.Event(), self._interruptions)
            if self._rang(waiter, after) or self._closed:
                return self._answer(waiter, after)
            self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter.heard.wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        with self._lock:
            return self._answer(waiter, after)

    @property
    def waiting(self) -> int:
        """How many wait at this moment."""
        with self._lock:
            return len(self._waiters)

    def close(self) -> None:
        """Send everybody home who waits."""
        with self._lock:
            self._closed = True
            self._call(self._waiters)

    def _call(self, waiters: Iterable[_Waiter]) -> None:
        for waiter in waiters:
            waiter.loop.call_soon_threadsafe(waiter.heard.set)

    def _rang(self, waiter: _Waiter, after: int) -> bool:
        if waiter.interruptions != self._interruptions or self._is_unknown(after):
            return True
        return any(self._last_rung.get(queue_id, 0) > after for queue_id in waiter.queue_ids)

    def _is_unknown(self, after: int) -> bool:
        if after == 0:
            return False
        # A day, since clocks may differ; by far, since it is only to tell numbers from something else.
        latest = time.time_ns() // 1_000 + _DAY_MICROSECONDS if self._shared else 0
        return not self._first <= after <= max(self._sequence, latest)

    def _answer(self, waiter: _Waiter, after: int) -> WakeUpAnswer:
        # A number that another process gave is not taken back, or an agent that asks both by turns would be told of
        # rings again and again.
        sequence = self._sequence if self._is_unknown(after) else max(self._sequence, after)
        return WakeUpAnswer(rang=self._rang(waiter, after), sequence=sequence)


class OwnBells:
    """The `WakeUps` port of a server that is one process: it rings its own bells.

    Args:
        bells: What its long polls wait on.
    """

    def __init__(self, bells: Bells) -> None:
        self._bells = bells
        self._delays = Delays(self._ring)

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Ring for the runs that are due; keep the others until they are."""
        now = utc_now()
        given = list(wake_ups)
        due = [wake_up for wake_up in given if wake_up.due <= now]
        if due:
            self._ring(due)
        self._delays.keep(wake_up for wake_up in given if wake_up.due > now)

    def keep(self, wake_ups: Iterable[WakeUp]) -> None:
        """Keep wake-ups that were sent before this process was there, until they are due."""
        self._delays.keep(wake_ups)

    def close(self) -> None:
        """Forget what is due later."""
        self._delays.close()

    def _ring(self, due: list[WakeUp]) -> None:
        self._bells.ring(wake_up.work_queue_id for wake_up in due)
