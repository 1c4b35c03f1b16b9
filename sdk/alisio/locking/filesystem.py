"""Locks between the processes of one machine: files that the system locks, and frees when their process dies.

Among the threads and coroutines of one process a table in memory decides first, so that only one of them asks the
system, at most every quarter of a second.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from alisio.locking.protocol import LockManager
from alisio.locking.table import LockTable

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.005, 0.25
_MAX_NAME = 150
_table = LockTable()
_files: dict[str, tuple[int, threading.Timer | None]] = {}
"""The open file of each lock that this process has, by its path, and what ends the lock in time."""


class FileSystemLockManager(LockManager):
    """Locks keys by files in a folder, between all processes of this machine that use the same one.

    A lock ends with the process that holds it, however that ends. Its file is removed when it is given back.

    Args:
        lock_files_directory: The folder; it is made when it is needed.
    """

    def __init__(self, lock_files_directory: str | os.PathLike[str]) -> None:
        self.lock_files_directory = Path(lock_files_directory).expanduser().absolute()

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock of a key; see `LockManager`.

        Raises:
            OSError: The folder cannot be used.
        """
        path, deadline = self._path(key), _deadline(acquire_timeout)
        if _table.holder_of(path) == holder:
            return True
        if not _table.acquire(path, holder, acquire_timeout, None):
            return False
        try:
            for pause in _pauses(deadline):
                if self._take_file(path, holder, hold_timeout):
                    return True
                time.sleep(pause)
        except BaseException:
            _table.release(path, holder)
            raise
        _table.release(path, holder)
        return False

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock of a key without blocking the event loop; see `LockManager`.

        Raises:
            OSError: The folder cannot be used.
        """
        path, deadline = self._path(key), _deadline(acquire_timeout)
        if _table.holder_of(path) == holder:
            return True
        if not await _table.aacquire(path, holder, acquire_timeout, None):
            return False
        try:
            for pause in _pauses(deadline):
                if self._take_file(path, holder, hold_timeout):
                    return True
                await asyncio.sleep(pause)
        except BaseException:
            _table.release(path, holder)
            raise
        _table.release(path, holder)
        return False

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock of a key back.

        Raises:
            ValueError: The holder does not have it.
        """
        _release(self._path(key), holder)

    def is_locked(self, key: str) -> bool:
        """Tell whether anybody has the lock of a key."""
        path = self._path(key)
        return _table.holder_of(path) is not None or _is_locked_elsewhere(path)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Tell whether this holder has the lock of a key, in whatever process it is."""
        path = self._path(key)
        here = _table.holder_of(path)
        if here is not None or not _is_locked_elsewhere(path):
            return here == holder
        with suppress(OSError):
            return Path(path).read_text(encoding="utf-8") == holder
        return False

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock of a key; see `LockManager`."""
        path, deadline = self._path(key), _deadline(timeout)
        if not _table.wait(path, timeout):
            return False
        for pause in _pauses(deadline):
            if not self.is_locked(key):
                return True
            time.sleep(pause)
        return False

    def _path(self, key: str) -> str:
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in key)
        if safe != key or len(key) > _MAX_NAME:
            safe = f"{safe[:_MAX_NAME]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        return str(self.lock_files_directory / f"{safe}.lock")

    def _take_file(self, path: str, holder: str, hold_timeout: float | None) -> bool:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            self.lock_files_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed the file after it was opened here.
            mine = _is_file_at(file, path)
            if mine:
                os.ftruncate(file, 0)
                os.write(file, holder.encode())
        except BlockingIOError:
            mine = False
        except BaseException:
            os.close(file)
            raise
        if not mine:
            os.close(file)
            return False
        timer = None if hold_timeout is None else threading.Timer(hold_timeout, _expire, (path, holder))
        _files[path] = file, timer
        if timer is not None:
            timer.daemon = True
            timer.start()
        return True


def _release(path: str, holder: str) -> None:
    if _table.holder_of(path) != holder or path not in _files:
        raise ValueError(f"{holder!r} does not hold the lock {path}")
    file, timer = _files.pop(path)
    if timer is not None:
        timer.cancel()
    # Removed while it is locked: nobody can have taken it meanwhile.
    with suppress(OSError):
        Path(path).unlink(missing_ok=True)
    os.close(file)
    _table.release(path, holder)


def _expire(path: str, holder: str) -> None:
    with suppress(ValueError):  # it was given back in time
        _release(path, holder)


def _is_file_at(file: int, path: str) -> bool:
    try:
        there = Path(path).stat()
    except FileNotFoundError:
        return False
    here = os.fstat(file)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _is_locked_elsewhere(path: str) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _deadline(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout


def _pauses(deadline: float) -> Iterator[float]:
    """Give how long to pause after each attempt, longer each time, until the time is up."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        left = deadline - time.monotonic()
        yield min(pause, max(left, 0))
        if left <= 0:
            return
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _forget_files() -> None:
    """Close the files of the parent process, in a fork: it still has the locks."""
    for file, _ in _files.values():
        os.close(file)
    _files.clear()
    _table.clear()


os.register_at_fork(after_in_child=_forget_files)
