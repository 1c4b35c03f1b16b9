"""The supervisor's one loop: file descriptors, signals, and a way to be woken by a thread."""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Callable
from types import FrameType

_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
_WATCHED = (signal.SIGTERM, signal.SIGCHLD)
_LONGEST_WAIT_SECONDS = 3_600.0


class Loop:
    """Waits for what happens. It takes over the signals of the process.

    Attributes:
        stop_requested: Whether SIGTERM came: the host wants this process to end.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self.watch(self._wake_reader, self._swallow)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in _WATCHED:
            signal.signal(number, self._take_signal)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back whenever there is something to read, or the other end has closed."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        """Watch a descriptor no longer."""
        self._selector.unregister(fd)

    def wake(self) -> None:
        """End the present wait, or the next one. Any thread may call this."""
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:
            return  # enough bytes lie there to wake it

    def wait(self, timeout: float) -> None:
        """Wait for something to happen, and call back.

        Args:
            timeout: The longest wait in seconds, which may be infinite; below 0: none.
        """
        for key, _ in self._selector.select(min(max(0.0, timeout), _LONGEST_WAIT_SECONDS)):
            key.data()

    def _take_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            self.stop_requested = True

    def _swallow(self) -> None:
        try:
            os.read(self._wake_reader, 4_096)
        except BlockingIOError:
            return


def restore_signals() -> None:
    """Give a forked child the signals of a fresh process; SIGPIPE stays ignored, as Python has it."""
    signal.set_wakeup_fd(-1)
    for number in (*_WATCHED, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
