"""Renewing the leases of slots from a thread, and ending the code of blocks whose slots are lost.

Slots that are taken in a flow run live on its lease, which its reports renew: nothing is to be done for them, but
where the block is to be told when they are lost.

A block that holds its slots strictly is stopped before the server can give them to another. It goes by its own clock,
from the moment in which it asked for the last renewal that was answered, so it needs nobody's word for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from alisio.client.shared import drop_shared_client, shared_client
from alisio.concurrency.slots import Held
from alisio.exceptions import ApiError, ApiUnreachableError, ConcurrencyLeaseLostError
from alisio.logging import get_logger
from alisio.utilities.clocks import elapsed_seconds

RUN_CHECK_SECONDS = 10.0
"""How often a strict block in a flow run looks whether it still holds its slots."""

_SHARE = 0.3
_RETRY_SECONDS = 5.0
_MARGIN_SECONDS = 2.0
"""What code gets to stop in."""
_LONGEST_WAIT_SECONDS = 1.0
_logger = get_logger("concurrency")


class Watch:
    """One block that holds slots.

    Args:
        stop: Stops the code of the block, from another thread; None: it goes on without slots.

    Attributes:
        lost: Why the slots are lost; None: they are not.
    """

    def __init__(self, stop: Callable[[], None] | None) -> None:
        self.lost: str | None = None
        self._stop = stop
        self._over = False
        self._lock = threading.Lock()

    @property
    def stops(self) -> bool:
        """Whether the block ends with its slots."""
        return self._stop is not None

    def lose(self, reason: str) -> None:
        """Say that the slots are lost."""
        with self._lock:
            if self._over:
                return
            self.lost = reason
            if self._stop is None:
                _logger.warning("%s; the code goes on without them", reason)
            else:
                self._stop()

    def end(self) -> None:
        """Say that the block has ended: nothing stops it any more."""
        with self._lock:
            self._over = True

    def check(self) -> None:
        """Raise what a block ends with whose slots are lost.

        Raises:
            ConcurrencyLeaseLostError: They are, and it is to end.
        """
        if self.lost is not None and self.stops:
            raise ConcurrencyLeaseLostError(self.lost)


@dataclass
class _Kept:
    """Slots that are looked after: until when they are held for certain, and when they are to be renewed."""

    held: Held
    watch: Watch
    every: float
    until: float = field(init=False)
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = self.held.since + self.held.lasts
        self.due = elapsed_seconds() + self.every


class Keeper:
    """Renews leases, and ends blocks whose slots may soon be another's, from threads that are there while it has any.

    They are two, as a request for renewal may hang for longer than a lease lasts.
    """

    def __init__(self) -> None:
        self._kept: dict[UUID, _Kept] = {}
        self._changed = threading.Condition()
        self._running: set[str] = set()

    def keep(self, held: Held, watch: Watch) -> None:
        """Renew a lease until it is dropped or lost."""
        if held.lease_id is None or (held.on_run and not watch.stops):
            return
        every = RUN_CHECK_SECONDS if held.on_run else held.lasts * _SHARE
        with self._changed:
            self._kept[held.lease_id] = _Kept(held, watch, every)
            self._start("alisio-slots", self._renew_one)
            self._start("alisio-slots-end", self._end_one)
            self._changed.notify_all()

    def drop(self, held: Held) -> None:
        """Renew a lease no more."""
        if held.lease_id is not None:
            with self._changed:
                self._kept.pop(held.lease_id, None)
                self._changed.notify_all()

    def _start(self, name: str, step: Callable[[], None]) -> None:
        if name not in self._running:
            self._running.add(name)
            threading.Thread(target=self._run, args=(name, step), name=name, daemon=True).start()

    def _run(self, name: str, step: Callable[[], None]) -> None:
        while True:
            with self._changed:
                if not self._kept:
                    self._running.discard(name)
                    return
            step()

    def _renew_one(self) -> None:
        first = self._wait_for(lambda kept: kept.due)
        if first is not None:
            self._renew(first)

    def _end_one(self) -> None:
        first = self._wait_for(lambda kept: kept.until - _MARGIN_SECONDS)
        if first is not None:
            self._lose(first, "could not be renewed in time")

    def _wait_for(self, instant: Callable[[_Kept], float]) -> _Kept | None:
        """Wait for the earliest of these instants; None: it may have changed meanwhile."""
        with self._changed:
            first = min(self._kept.values(), key=instant, default=None)
            wait = 0.0 if first is None else instant(first) - elapsed_seconds()
            if wait <= 0:
                return first
            # What a wait is measured by stands still while the machine sleeps.
            self._changed.wait(min(wait, _LONGEST_WAIT_SECONDS))
        return None

    def _renew(self, kept: _Kept) -> None:
        asked = elapsed_seconds()
        try:
            lasts = _renewed(kept.held)
        except _LostError:
            self._lose(kept, "was not renewed in time, or its run lost its own")
        except (ApiUnreachableError, ApiError):
            kept.due = elapsed_seconds() + min(_RETRY_SECONDS, kept.every)
        else:
            with self._changed:
                kept.until = asked + lasts
                kept.due = asked + kept.every
                self._changed.notify_all()

    def _lose(self, kept: _Kept, reason: str) -> None:
        self.drop(kept.held)
        names = ", ".join(repr(name) for name in kept.held.names)
        kept.watch.lose(f"the lease of slots of {names} is lost: it {reason}")


class _LostError(Exception):
    """The slots of a lease are not held any more."""


def _renewed(held: Held) -> float:
    """Renew a lease; tell for how many seconds it lasts.

    Raises:
        _LostError: It is lost.
        ApiUnreachableError: Nobody answers.
        ApiError: The server refuses, which may pass.
    """
    assert held.lease_id is not None
    client = shared_client()
    try:
        return client.renew_concurrency_lease(held.lease_id).lease_seconds
    except ApiUnreachableError:
        drop_shared_client(client)
        raise
    except ApiError as error:
        if error.code == "lease_lost":
            raise _LostError from error
        raise


_keeper = Keeper()
"""The one of this process."""


def current_keeper() -> Keeper:
    """Give the keeper of this process."""
    return _keeper


def _after_fork() -> None:
    # The parent's leases are the parent's to renew.
    global _keeper
    _keeper = Keeper()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
