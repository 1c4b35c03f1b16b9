"""A lock as the engine takes it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import NamedTuple

from alisio.engine.effects import Block
from alisio.locking.protocol import LockManager


class Lock(NamedTuple):
    """The lock of a key, for one holder."""

    manager: LockManager
    key: str
    holder: str

    def taking(self) -> Block:
        """Give the effect that takes it."""
        wanted = self.manager, self.key, self.holder
        return Block(partial(_take, *wanted), partial(_atake, *wanted))

    def release(self) -> None:
        """Give it back; where it has ended by itself, nothing happens."""
        with suppress(ValueError):
            self.manager.release_lock(self.key, self.holder)


def _take(manager: LockManager, key: str, holder: str) -> bool:
    return manager.acquire_lock(key, holder)


async def _atake(manager: LockManager, key: str, holder: str) -> bool:
    return await manager.aacquire_lock(key, holder)
