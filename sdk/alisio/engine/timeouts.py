"""Stopping synchronous code when its time is up.

In the main thread by SIGALRM, which also interrupts system calls. In other threads by an exception that the
interpreter raises there at the next bytecode: it cannot interrupt a call that blocks in C.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from alisio.engine.effects import TimeIsUpError
from alisio.exceptions import TerminationSignal

_SPARE_SIGNAL = getattr(signal, "SIGURG", signal.SIGINT)
"""Nobody sends it but a socket that was asked to, and by default it is ignored."""


class _Expired(BaseException):
    """Raised into the code whose time is up. Not an `Exception`, so that `except Exception` lets it pass."""


class _Limit:
    """One running limit. `expired` tells whose time it was when limits are nested."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.expired = False


_limits: list[_Limit] = []
"""Those of the main thread, the outermost first."""


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Raise `TimeIsUpError` when the block takes longer.

    Args:
        seconds: How long it may take.

    Raises:
        TimeIsUpError: It took longer.
    """
    limit = _Limit(seconds)
    in_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    guard = _by_alarm(limit) if in_main else _by_exception(limit, seconds)
    try:
        with guard:
            yield
    except _Expired as error:
        if not limit.expired:
            raise
        raise TimeIsUpError from error
    if limit.expired:
        raise TimeIsUpError


@contextmanager
def _by_alarm(limit: _Limit) -> Iterator[None]:
    previous = signal.getsignal(signal.SIGALRM)
    seconds_left, interval = signal.getitimer(signal.ITIMER_REAL)
    began = time.monotonic()
    outermost = not _limits
    _limits.append(limit)
    try:
        signal.signal(signal.SIGALRM, _on_alarm)
        _arm()
        yield
    finally:
        _limits.remove(limit)
        if outermost:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            if seconds_left:
                left = max(seconds_left - (time.monotonic() - began), 1e-6)
                signal.setitimer(signal.ITIMER_REAL, left, interval)
        else:
            _arm()


def _arm() -> None:
    waiting = [limit.deadline for limit in _limits if not limit.expired]
    delay = max(min(waiting) - time.monotonic(), 1e-6) if waiting else 0
    signal.setitimer(signal.ITIMER_REAL, delay)


def _on_alarm(_number: int, _frame: FrameType | None) -> None:
    now = time.monotonic()
    late = [limit for limit in _limits if not limit.expired and limit.deadline <= now]
    for limit in late:
        limit.expired = True
    _arm()
    if late:
        raise _Expired


@contextmanager
def _by_exception(limit: _Limit, seconds: float) -> Iterator[None]:
    thread = threading.get_ident()
    lock = threading.Lock()
    over = False

    def expire() -> None:
        with lock:
            if not over:
                limit.expired = True
                raise_in_thread(thread, _Expired)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
        timer.cancel()


def interrupt(thread: int) -> None:
    """Stop what runs in a thread from outside, as the keyboard would: the main thread also when it blocks.

    Args:
        thread: What `threading.get_ident()` is in that thread.
    """
    if thread != threading.main_thread().ident:
        raise_in_thread(thread, TerminationSignal)
    elif signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.pthread_kill(thread, _SPARE_SIGNAL)
    else:
        signal.pthread_kill(thread, signal.SIGINT)


def make_interruptible() -> None:
    """Let `interrupt` reach the main thread where SIGINT is ignored, as it is for what a shell starts with `&`.

    SIGINT stays ignored, for this process and for those it starts. Call it in the main thread; elsewhere, and where
    the program has a use of its own for the spare signal, it does nothing.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(_SPARE_SIGNAL) is signal.SIG_DFL:
        signal.signal(_SPARE_SIGNAL, signal.default_int_handler)


def raise_in_thread(thread: int, error: type[BaseException]) -> None:
    """Raise an exception in another thread at its next bytecode.

    Args:
        thread: What `threading.get_ident()` is in that thread.
        error: The class to raise.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
