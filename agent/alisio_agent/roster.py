"""The runs that an agent has claimed: which wait for their time, which are starting, which are under way."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from uuid import UUID

from alisio.contract.work_pools import Holding, Job

MAX_HOLDINGS = 1_000


@dataclass
class Held:
    """A claimed run.

    Attributes:
        job: What was claimed.
        timer: What starts it once it is due, where that lies ahead.
        is_started: Whether its supervisor has been started, or is being.
        is_reported: Whether its lease is no longer the agent's: its supervisor renews it.
    """

    job: Job
    timer: threading.Timer | None = None
    is_started: bool = False
    is_reported: bool = False


class Roster:
    """What an agent has claimed, by the names that runners use. Any thread may call it.

    Args:
        limit: How many runs at once; None: as many as come.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._removed = threading.Condition(self._lock)
        self._held: dict[str, Held] = {}

    def free_slots(self, at_most: int) -> int:
        """Tell how many more runs there is room for."""
        with self._lock:
            return at_most if self._limit is None else min(at_most, self._limit - len(self._held))

    def add(self, name: str, held: Held) -> bool:
        """Add a claimed run.

        Returns:
            Whether it is new; a job that was delivered twice is not.
        """
        with self._lock:
            if name in self._held:
                return False
            self._held[name] = held
            return True

    def begin(self, name: str) -> bool:
        """Mark a run as being started.

        Returns:
            Whether to start it: it is still held, and nobody else has begun.
        """
        with self._lock:
            held = self._held.get(name)
            if held is None or held.is_started:
                return False
            held.is_started = True
            return True

    def remove(self, name: str) -> Held | None:
        """Take out a run, and give what was held; None where it was not."""
        with self._lock:
            self._removed.notify_all()
            return self._held.pop(name, None)

    def holds(self, flow_run_id: str) -> bool:
        """Tell whether a run is held, whatever its attempt."""
        with self._lock:
            return any(str(held.job.flow_run_id) == flow_run_id for held in self._held.values())

    def pending(self) -> list[Holding]:
        """List the runs whose leases are the agent's to renew."""
        with self._lock:
            holdings = [_holding(held) for held in self._held.values() if not held.is_reported]
        return holdings[:MAX_HOLDINGS]

    def settle(self, lost: list[UUID]) -> None:
        """Take note of what the server says that the agent holds no longer.

        A run whose supervisor was started is the supervisor's now, and keeps its slot till that ends; one that
        still waits for its time is not to be started.
        """
        gone = set(lost)
        with self._lock:
            for name, held in list(self._held.items()):
                if held.job.flow_run_id not in gone or held.is_reported:
                    continue
                if held.is_started:
                    held.is_reported = True
                    continue
                del self._held[name]
                if held.timer is not None:
                    held.timer.cancel()

    def withdraw(self) -> list[Holding]:
        """Take out all runs that still wait for their time, and give what is to be handed back."""
        with self._lock:
            waiting = {name: held for name, held in self._held.items() if not held.is_started}
            for name, held in waiting.items():
                del self._held[name]
                if held.timer is not None:
                    held.timer.cancel()
        return [_holding(held) for held in waiting.values()][:MAX_HOLDINGS]

    def wait_for_ends(self, seconds: float) -> list[str]:
        """Wait for the ends of the runs that were started.

        Args:
            seconds: How long at most.

        Returns:
            The names, for people, of those that have not ended.
        """
        with self._removed:
            self._removed.wait_for(lambda: not self._under_way(), seconds)
            return self._under_way()

    def _under_way(self) -> list[str]:
        return sorted(held.job.flow_run_name for held in self._held.values() if held.is_started)

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)


def _holding(held: Held) -> Holding:
    return Holding(flow_run_id=held.job.flow_run_id, attempt=held.job.attempt)
