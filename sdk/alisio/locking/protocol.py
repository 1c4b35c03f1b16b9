"""What a lock manager is."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress


class LockManager(ABC):
    """Locks keys, each for one holder at a time. A holder that has a lock is given it again at once.

    The two asynchronous methods are there: they wait in a thread of their own. Override them where there is a
    better way.
    """

    @abstractmethod
    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock of a key; wait for it while another holder has it.

        Args:
            key: What to lock.
            holder: Who takes it.
            acquire_timeout: How many seconds to wait at most; 0: not at all; None: as long as it takes.
            hold_timeout: After how many seconds the lock ends by itself; None: never.

        Returns:
            Whether the holder has it now.
        """

    @abstractmethod
    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock of a key back.

        Raises:
            ValueError: The holder does not have it.
        """

    @abstractmethod
    def is_locked(self, key: str) -> bool:
        """Tell whether anybody has the lock of a key."""

    @abstractmethod
    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Tell whether this holder has the lock of a key."""

    @abstractmethod
    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock of a key.

        Args:
            key: Of which lock.
            timeout: How many seconds at most.

        Returns:
            Whether it was free in time.
        """

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock of a key as `acquire_lock` does, without blocking the event loop."""
        return await _in_own_thread(
            lambda: self.acquire_lock(key, holder, acquire_timeout, hold_timeout),
            lambda: self.release_lock(key, holder),
        )

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock of a key, without blocking the event loop."""
        return await _in_own_thread(lambda: self.wait_for_lock(key, timeout), lambda: None)


async def _in_own_thread(wait: Callable[[], bool], undo: Callable[[], object]) -> bool:
    """Wait in a new thread: in one of the loop's few, those who wait would keep the holder from its own work.

    Args:
        wait: What waits.
        undo: Called when that was true, but nobody wants it any more.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()
    deciding = threading.Lock()
    wanted, given = True, False

    def tell(got: bool, error: BaseException | None) -> None:
        if not answer.done():
            answer.set_result(got) if error is None else answer.set_exception(error)

    def work() -> None:
        nonlocal given
        got, error = False, None
        try:
            got = wait()
        except BaseException as raised:
            error = raised
        with deciding:
            given = got and wanted
        if got and not given:
            undo()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, got, error)

    threading.Thread(target=work, name="alisio-lock", daemon=True).start()
    try:
        return await answer
    except BaseException:
        with deciding:
            wanted = False
        if given:
            undo()
        raise
