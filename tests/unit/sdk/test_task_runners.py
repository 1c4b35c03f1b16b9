"""The thread pool of submitted tasks, by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from alisio.task_runners import ThreadPoolTaskRunner
from tests.waiting import wait_until

PATIENCE = 10.0


@pytest.fixture
def runner() -> Iterator[ThreadPoolTaskRunner]:
    """A runner of two threads."""
    made = ThreadPoolTaskRunner(2)
    yield made
    made.shutdown()


def test_every_call_once(runner: ThreadPoolTaskRunner) -> None:
    """Of calls that several threads submit at once, each is run once, and none stays behind when threads run dry."""
    done: list[int] = []
    over = threading.Event()

    def call(number: int) -> None:
        done.append(number)
        if len(done) == 4_000:
            over.set()

    def submit(first: int) -> None:
        for number in range(first, first + 1_000):
            runner.submit(lambda number=number: call(number))

    submitters = [threading.Thread(target=submit, args=(first,)) for first in range(0, 4_000, 1_000)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join()

    assert over.wait(PATIENCE)
    assert list(range(4_000)) == sorted(done)


def test_a_free_thread_takes_the_next_call(runner: ThreadPoolTaskRunner) -> None:
    """While one call blocks its thread, the others go through the second one, one after another."""
    hold, ends = threading.Event(), [threading.Event() for _ in range(3)]
    runner.submit(lambda: hold.wait(PATIENCE))

    for end in ends:
        runner.submit(end.set)
        assert end.wait(PATIENCE)
    hold.set()


def test_no_more_at_once_than_workers(runner: ThreadPoolTaskRunner) -> None:
    """A third call waits until one of two has ended."""
    hold, third = threading.Event(), threading.Event()
    begun = threading.Barrier(3)

    def block() -> None:
        begun.wait(PATIENCE)
        hold.wait(PATIENCE)

    runner.submit(block)
    runner.submit(block)
    begun.wait(PATIENCE)
    runner.submit(third.set)

    assert not third.is_set()
    hold.set()
    assert third.wait(PATIENCE)


def test_a_call_that_raises() -> None:
    """A call that raises, an exit among them, leaves its thread to the calls that follow."""
    runner = ThreadPoolTaskRunner(1)
    after = threading.Event()

    def fail() -> None:
        raise SystemExit

    runner.submit(fail)
    runner.submit(after.set)

    assert after.wait(PATIENCE)
    runner.shutdown()


def test_shutdown() -> None:
    """What has not begun is dropped at the shutdown, and a further call is refused."""
    before = set(threading.enumerate())
    runner = ThreadPoolTaskRunner(1)
    begun, hold, ended, dropped = (threading.Event() for _ in range(4))

    def block() -> None:
        begun.set()
        hold.wait(PATIENCE)
        ended.set()

    runner.submit(block)
    assert begun.wait(PATIENCE)
    runner.submit(dropped.set)
    runner.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        runner.submit(dropped.set)

    hold.set()
    assert ended.wait(PATIENCE)
    wait_until(lambda: set(threading.enumerate()) <= before, what="the runner's thread to end")
    assert not dropped.is_set()


def test_no_thread_left(runner: ThreadPoolTaskRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no thread left, calls wait for those that there are; where there are none, that is said."""
    begun, hold, done = (threading.Event() for _ in range(3))

    def block() -> None:
        begun.set()
        hold.wait(PATIENCE)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    runner.submit(block)
    assert begun.wait(PATIENCE)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    runner.submit(done.set)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        ThreadPoolTaskRunner(2).submit(done.set)

    assert not done.is_set()
    hold.set()
    assert done.wait(PATIENCE)
