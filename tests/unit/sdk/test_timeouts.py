"""Time limits of synchronous code: nested, in threads, and beside other users of the alarm."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from alisio.engine.effects import TimeIsUpError
from alisio.engine.timeouts import limited_to
from tests.waiting import wait_until


def _in_main(body: Callable[[], None]) -> None:
    body()


def _in_thread(body: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(100)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.fixture(params=[_in_main, _in_thread])
def somewhere(request: pytest.FixtureRequest) -> Callable[[Callable[[], None]], None]:
    """The main thread, and another."""
    runner: Callable[[Callable[[], None]], None] = request.param
    return runner


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_in_time(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """What ends in time is left alone, then and afterwards: no alarm and no thread is left to stop it."""

    def body() -> None:
        threads, alarm = set(threading.enumerate()), signal.setitimer(signal.ITIMER_REAL, 0)  # which is pytest's
        try:
            with limited_to(600):
                pass
            assert (0, 0) == signal.getitimer(signal.ITIMER_REAL)
        finally:
            signal.setitimer(signal.ITIMER_REAL, *alarm)
        wait_until(lambda: set(threading.enumerate()) <= threads)

    somewhere(body)


def test_too_long(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """What takes too long is stopped, though it catches every `Exception`."""

    def body() -> None:
        stages = []
        with pytest.raises(TimeIsUpError), limited_to(0.05):
            try:
                _spin(30)
                stages.append("to its end")
            except Exception:
                stages.append("caught")
        assert [] == stages

    somewhere(body)


def test_inner_limit(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """When the inner limit is over, the outer block goes on, and is still limited."""

    def body() -> None:
        stages = []
        with pytest.raises(TimeIsUpError), limited_to(2):
            with pytest.raises(TimeIsUpError), limited_to(0.02):
                _spin(30)
                stages.append("inner")
            stages.append("on")
            _spin(30)
            stages.append("outer")
        assert ["on"] == stages

    somewhere(body)


def test_outer_limit(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """When the outer limit is over, it is not mistaken for the inner one's."""

    def body() -> None:
        stages = []
        with pytest.raises(TimeIsUpError), limited_to(0.05):
            try:
                with limited_to(60):
                    _spin(30)
                stages.append("to its end")
            except TimeIsUpError:
                stages.append("inner")
        assert [] == stages

    somewhere(body)


def test_blocking_call_in_the_main_thread() -> None:
    """In the main thread a call that blocks is interrupted."""
    stages = []
    with pytest.raises(TimeIsUpError), limited_to(0.05):
        time.sleep(30)
        stages.append("to its end")
    assert [] == stages


def test_alarm_of_the_user() -> None:
    """An alarm that user code has set goes off in its time, by its own handler."""
    rang = threading.Event()
    previous = signal.signal(signal.SIGALRM, lambda *_: rang.set())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeIsUpError), limited_to(0.02):
            time.sleep(30)
        assert rang.wait(60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
