"""Lock managers: one holder at a time, who waits is served, and a dead holder holds nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from alisio.locking.filesystem import FileSystemLockManager
from alisio.locking.memory import MemoryLockManager
from alisio.locking.protocol import LockManager
from tests.waiting import wait_until


class Plain(LockManager):
    """A manager of a user's own, without asynchronous methods."""

    def __init__(self) -> None:
        self._inner = MemoryLockManager()

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        return self._inner.acquire_lock(key, holder, acquire_timeout, hold_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        self._inner.release_lock(key, holder)

    def is_locked(self, key: str) -> bool:
        return self._inner.is_locked(key)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        return self._inner.is_lock_holder(key, holder)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        return self._inner.wait_for_lock(key, timeout)


@pytest.fixture(params=["memory", "files", "plain"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LockManager]:
    """Each kind of manager; the lock of `key` is free after the test."""
    made: dict[str, LockManager] = {"files": FileSystemLockManager(tmp_path / "locks"), "plain": Plain()}
    found = made.get(request.param, MemoryLockManager())
    yield found
    for holder in ("one", "two"):
        with suppress(ValueError):
            found.release_lock("key", holder)


def test_a_lock_has_one_holder(manager: LockManager) -> None:
    """Another holder does not get it, the same one does again, and who does not have it cannot give it back."""
    assert (True, True) == (manager.acquire_lock("key", "one"), manager.acquire_lock("key", "one"))
    assert not manager.acquire_lock("key", "two", acquire_timeout=0)
    assert manager.acquire_lock("other", "two", acquire_timeout=0)
    assert (True, True, False) == (
        manager.is_locked("key"),
        manager.is_lock_holder("key", "one"),
        manager.is_lock_holder("key", "two"),
    )
    with pytest.raises(ValueError, match="'two' does not hold the lock"):
        manager.release_lock("key", "two")
    manager.release_lock("key", "one")
    manager.release_lock("other", "two")
    assert not manager.is_locked("key")
    with pytest.raises(ValueError, match="'one' does not hold the lock"):
        manager.release_lock("key", "one")


def test_who_waits_is_told(manager: LockManager) -> None:
    """A thread and a coroutine that wait get the lock when it is given back, each in its turn."""
    assert manager.acquire_lock("key", "one")
    got: list[str] = []

    def in_thread() -> None:
        got.append(f"thread {manager.acquire_lock('key', 'two')}")
        manager.release_lock("key", "two")

    async def in_loop() -> None:
        waiting = asyncio.create_task(manager.aacquire_lock("key", "three"))
        await asyncio.sleep(0)
        manager.release_lock("key", "one")
        got.append(f"loop {await waiting}")
        manager.release_lock("key", "three")

    thread = threading.Thread(target=in_thread)
    thread.start()
    asyncio.run(in_loop())
    thread.join()
    assert {"thread True", "loop True"} == set(got)


def test_waiting_ends_in_time(manager: LockManager) -> None:
    """With a time-out nobody waits longer, for the lock or for its end."""
    assert manager.acquire_lock("key", "one")
    assert not manager.acquire_lock("key", "two", acquire_timeout=0.02)
    assert not asyncio.run(manager.aacquire_lock("key", "two", acquire_timeout=0.02))
    assert not manager.wait_for_lock("key", 0.02)
    assert not asyncio.run(manager.await_for_lock("key", 0.02))
    manager.release_lock("key", "one")
    assert manager.wait_for_lock("key", 0.02)
    assert asyncio.run(manager.await_for_lock("key"))


def test_a_lock_can_end_by_itself(manager: LockManager) -> None:
    """After `hold_timeout` another holder gets it, and the first has it no more."""
    assert manager.acquire_lock("key", "one", hold_timeout=0.02)
    assert manager.acquire_lock("key", "two", acquire_timeout=60)
    assert manager.is_lock_holder("key", "two")
    with pytest.raises(ValueError, match="'one' does not hold"):
        manager.release_lock("key", "one")


def test_a_coroutine_that_is_cancelled_leaves_nothing(manager: LockManager) -> None:
    """Who is cancelled while it waits does not get the lock later."""
    assert manager.acquire_lock("key", "one")

    async def cancelled() -> None:
        waiting = asyncio.create_task(manager.aacquire_lock("key", "two"))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancelled())
    manager.release_lock("key", "one")
    wait_until(lambda: manager.acquire_lock("key", "one", acquire_timeout=0))


def test_no_two_are_within_at_once(manager: LockManager) -> None:
    """Of many threads that want one lock, never two have it."""
    inside, most = 0, 0

    def work(holder: str) -> None:
        nonlocal inside, most
        for _ in range(5):
            assert manager.acquire_lock("key", holder)
            inside += 1
            most = max(most, inside)
            time.sleep(0)
            inside -= 1
            manager.release_lock("key", holder)

    threads = [threading.Thread(target=work, args=(f"holder-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (1, 0) == (most, inside)


_HOLDER = """
import sys, time
from alisio.locking.filesystem import FileSystemLockManager
assert FileSystemLockManager(sys.argv[1]).acquire_lock("key", "dead")
print("held", flush=True)
time.sleep(100)
"""


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """While another process lives it keeps the lock; when it is killed the lock is free."""
    manager = FileSystemLockManager(tmp_path)
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and "held\n" == child.stdout.readline()
        assert (False, True) == (manager.acquire_lock("key", "one", acquire_timeout=0), manager.is_locked("key"))
        assert manager.is_lock_holder("key", "dead") and not manager.is_lock_holder("key", "one")
        assert not manager.wait_for_lock("key", 0)
        child.send_signal(signal.SIGKILL)
    assert manager.acquire_lock("key", "one", acquire_timeout=60)
    manager.release_lock("key", "one")
    assert [] == list(tmp_path.iterdir())


def test_a_fork_does_not_keep_a_lock(tmp_path: Path) -> None:
    """A child that outlives its parent's lock does not hold it, nor does it think so."""
    manager = FileSystemLockManager(tmp_path)
    assert manager.acquire_lock("key", "parent")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b"n" if not manager.is_lock_holder("key", "parent-child") else b"y")
            signal.pause()
        finally:
            os._exit(0)
    os.close(writer)
    try:
        assert b"n" == os.read(reader, 1)
        manager.release_lock("key", "parent")
        assert manager.acquire_lock("key", "next", acquire_timeout=0)
        manager.release_lock("key", "next")
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("key", ["a/b", "../up", "ñ ó", "x" * 300])
def test_any_text_is_a_key(tmp_path: Path, key: str) -> None:
    """Keys become names of files that lie in the folder; different ones don't meet."""
    manager = FileSystemLockManager(tmp_path / "locks")
    assert manager.acquire_lock(key, "one") and manager.acquire_lock(key + "2", "two", acquire_timeout=0)
    assert 2 == len(list((tmp_path / "locks").iterdir()))
    manager.release_lock(key, "one")
    manager.release_lock(key + "2", "two")
    assert ["locks"] == [path.name for path in tmp_path.iterdir()]


_COMPUTING = """
import os, sys
from alisio import flow, task
from alisio.cache_policies import INPUTS
from alisio.locking.filesystem import FileSystemLockManager

folder = sys.argv[1]
policy = INPUTS.configure(lock_manager=FileSystemLockManager(folder + "/locks"), isolation_level="SERIALIZABLE")

@task(cache_policy=policy, result_storage=folder + "/results")
def compute(x):
    with open(folder + "/ran", "a") as ran:
        ran.write("x")
    return x

print("ready", flush=True)
sys.stdin.readline()
assert [7] * 4 == compute.map([7] * 4).result()
"""


def test_processes_compute_once(tmp_path: Path) -> None:
    """Several processes that run a task with the same inputs at once run it once between them."""
    command = [sys.executable, "-c", _COMPUTING, str(tmp_path)]
    environment = {**os.environ, "ALISIO_HOME": str(tmp_path / "home")}
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    for child in children:
        assert child.stdout is not None and "ready\n" == child.stdout.readline()
    for child in children:
        child.communicate("go\n", timeout=60)
    assert ([0, 0, 0], "x") == ([child.returncode for child in children], (tmp_path / "ran").read_text())
