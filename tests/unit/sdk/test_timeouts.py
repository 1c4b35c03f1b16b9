"""Time limits of synchronous code: nested, in threads, and beside other users of the alarm."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from alisio.engine.effects import TimeIsUpError
from alisio.engine.timeouts import limited_to


def _in_main(body: Callable[[], None]) -> None:
    body()


def _in_thread(body: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
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
    """What ends in time is left alone, then and afterwards."""

    def body() -> None:
        with limited_to(0.05):
            pass
        _spin(0.1)

    somewhere(body)


def test_too_long(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """What takes too long is stopped, though it catches every `Exception`."""

    def body() -> None:
        began = time.monotonic()
        with pytest.raises(TimeIsUpError), limited_to(0.05):
            try:
                _spin(10)
            except Exception:
                raise AssertionError("caught by the code that was limited") from None
        assert time.monotonic() - began < 5

    somewhere(body)


def test_inner_limit(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """When the inner limit is over, the outer block goes on, and is still limited."""

    def body() -> None:
        with pytest.raises(TimeIsUpError), limited_to(0.3):
            with pytest.raises(TimeIsUpError), limited_to(0.02):
                _spin(10)
            _spin(10)

    somewhere(body)


def test_outer_limit(somewhere: Callable[[Callable[[], None]], None]) -> None:
    """When the outer limit is over, it is not mistaken for the inner one's."""

    def body() -> None:
        stages = []
        with pytest.raises(TimeIsUpError), limited_to(0.05):
            try:
                with limited_to(30):
                    _spin(10)
            except TimeIsUpError:
                stages.append("inner")
        assert [] == stages

    somewhere(body)


def test_blocking_call_in_the_main_thread() -> None:
    """In the main thread a call that blocks is interrupted."""
    began = time.monotonic()
    with pytest.raises(TimeIsUpError), limited_to(0.05):
        time.sleep(30)
    assert time.monotonic() - began < 5


def test_alarm_of_the_user() -> None:
    """An alarm that user code has set goes off in its time, by its own handler."""
    rang = threading.Event()
    previous = signal.signal(signal.SIGALRM, lambda *_: rang.set())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeIsUpError), limited_to(0.02):
            time.sleep(30)
        assert rang.wait(5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
