"""Locks within one process: between its threads and coroutines."""

from __future__ import annotations

import os

from alisio.locking.protocol import LockManager
from alisio.locking.table import LockTable

_table = LockTable()
os.register_at_fork(after_in_child=_table.clear)


class MemoryLockManager(LockManager):
    """Locks keys in the memory of this process. All its instances hold the same locks."""

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock of a key; see `LockManager`."""
        return _table.acquire(key, holder, acquire_timeout, hold_timeout)

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock of a key without blocking the event loop; see `LockManager`."""
        return await _table.aacquire(key, holder, acquire_timeout, hold_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock of a key back.

        Raises:
            ValueError: The holder does not have it.
        """
        _table.release(key, holder)

    def is_locked(self, key: str) -> bool:
        """Tell whether anybody has the lock of a key."""
        return _table.holder_of(key) is not None

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Tell whether this holder has the lock of a key."""
        return _table.holder_of(key) == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock of a key; see `LockManager`."""
        return _table.wait(key, timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock of a key, without blocking the event loop."""
        return await _table.await_free(key, timeout)
