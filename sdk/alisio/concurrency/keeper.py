"""Renewing the leases of slots from a thread, and ending the code of blocks whose slots are lost.

Slots that are taken in a flow run live on its lease, which its reports renew: nothing is to be done for them, but
where the block is to be told when they are lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from alisio.client.shared import drop_shared_client, shared_client
from alisio.concurrency.slots import Held
from alisio.exceptions import ApiError, ApiUnreachableError, ConcurrencyLeaseLostError
from alisio.logging import get_logger

RUN_CHECK_SECONDS = 10.0
"""How often a strict block in a flow run looks whether it still holds its slots."""

RUN_LEASE_SECONDS = 30.0
"""How long the lease of a run lasts after its last report."""

_SHARE = 0.3
_RETRY_SECONDS = 5.0
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
    held: Held
    watch: Watch
    every: float
    lasts: float
    due: float = field(init=False)
    renewed: float = field(init=False)

    def __post_init__(self) -> None:
        self.renewed = time.monotonic()
        self.due = self.renewed + self.every


class Keeper:
    """Renews leases, from a thread that is there while there are any."""

    def __init__(self) -> None:
        self._kept: dict[UUID, _Kept] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def keep(self, held: Held, watch: Watch) -> None:
        """Renew a lease until it is dropped or lost."""
        if held.lease_id is None or (held.on_run and not watch.stops):
            return
        lasts = RUN_LEASE_SECONDS if held.on_run else held.lease_seconds
        every = RUN_CHECK_SECONDS if held.on_run else lasts * _SHARE
        with self._changed:
            self._kept[held.lease_id] = _Kept(held, watch, every, lasts)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alisio-slots", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, held: Held) -> None:
        """Renew a lease no more."""
        if held.lease_id is not None:
            with self._changed:
                self._kept.pop(held.lease_id, None)
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._kept:
                    self._thread = None
                    return
                first = min(self._kept.values(), key=lambda kept: kept.due)
                wait = first.due - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
            self._renew(first)

    def _renew(self, kept: _Kept) -> None:
        asked = time.monotonic()
        try:
            reason = _renewed(kept.held)
        except (ApiUnreachableError, ApiError) as error:
            if asked - kept.renewed < kept.lasts:
                kept.due = asked + min(_RETRY_SECONDS, kept.every)
                return
            reason = f"could not be renewed in time: {error}"
        else:
            kept.renewed = asked
            kept.due = asked + kept.every
        if reason is not None:
            self.drop(kept.held)
            names = ", ".join(repr(name) for name in kept.held.names)
            kept.watch.lose(f"the lease of slots of {names} is lost: it {reason}")


def _renewed(held: Held) -> str | None:
    """Renew a lease; tell why it is lost, where it is."""
    assert held.lease_id is not None
    client = shared_client()
    try:
        client.renew_concurrency_lease(held.lease_id)
    except ApiUnreachableError:
        drop_shared_client(client)
        raise
    except ApiError as error:
        if error.code == "lease_lost":
            return "was not renewed in time, or its run lost its own"
        raise
    return None


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
