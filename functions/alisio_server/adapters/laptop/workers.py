"""Several server processes that share one listening socket, and their parent, which replaces one that dies."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_STOP_SECONDS = 20.0
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
_log = logging.getLogger(__name__)

Work = Callable[[Callable[[], None]], None]
"""Serves until SIGTERM; calls what it is given once it answers."""


@dataclass
class _Place:
    """A place for a worker. The pause before the next one doubles while they die young."""

    pid: int = 0
    began: float = 0.0
    again: float = 0.0
    pause: float = 0.5


class Workers:
    """The parent of server processes. It does nothing but watch, so it has no threads and may fork at any time.

    Args:
        count: How many processes.
        work: What each of them does.
    """

    def __init__(self, count: int, work: Work) -> None:
        self._work = work
        self._places = [_Place() for _ in range(count)]
        self._heard, self._hears = socket.socketpair()
        self._ready, self._says_ready = os.pipe()
        # Nobody writes to it: its end tells the workers that their parent is gone.
        self._life, self._lives = os.pipe()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Keep the workers running until SIGINT or SIGTERM, then end them.

        Args:
            on_ready: Called once when all answer for the first time.
        """
        waiting_for = len(self._places)
        with self._signals():
            try:
                while True:
                    self._fill()
                    ready, numbers = self._watch(self._next_start())
                    if signal.SIGTERM in numbers or signal.SIGINT in numbers:
                        return
                    if 0 < waiting_for <= ready:
                        on_ready()
                    waiting_for -= ready
                    self._reap()
            finally:
                self._stop()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        self._hears.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        descriptor = signal.set_wakeup_fd(self._hears.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._heard.close()
            self._hears.close()
            for pipe in (self._ready, self._says_ready, self._life, self._lives):
                os.close(pipe)

    def _watch(self, until: float | None) -> tuple[int, bytes]:
        """Wait for a signal or for workers that are ready; returns how many are, and the signals' numbers."""
        timeout = None if until is None else max(0.0, until - time.monotonic())
        heard = self._heard.fileno()
        readable, _, _ = select.select([heard, self._ready], [], [], timeout)
        ready = len(os.read(self._ready, 4096)) if self._ready in readable else 0
        return ready, self._heard.recv(4096) if heard in readable else b""

    def _next_start(self) -> float | None:
        return min((place.again for place in self._places if not place.pid), default=None)

    def _fill(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if not place.pid and place.again <= now:
                place.pid, place.began = self._fork(), now

    def _fork(self) -> int:
        # A signal that came before the worker has its own ways with them would be lost on the parent's.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self._be_a_worker(mask)
                status = 0
            except Exception:
                _log.exception("a worker failed")
            finally:
                logging.shutdown()
                os._exit(status)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid

    def _be_a_worker(self, mask: Iterable[int]) -> None:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(self._lives)
        threading.Thread(target=self._end_with_parent, name="alisio-parent", daemon=True).start()
        self._work(self._say_ready)

    def _say_ready(self) -> None:
        os.write(self._says_ready, b".")

    def _end_with_parent(self) -> None:
        os.read(self._life, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _reap(self) -> None:
        for place in self._places:
            if not place.pid:
                continue
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                self._note_death(place, os.waitstatus_to_exitcode(status))

    def _note_death(self, place: _Place, code: int) -> None:
        now = time.monotonic()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if now - place.began > _STEADY_SECONDS:
            place.pause = _Place.pause
        _log.error("worker %d %s; another takes its place in %.1f s", place.pid, how, place.pause)
        place.pid, place.again = 0, now + place.pause
        place.pause = min(2 * place.pause, _LONGEST_PAUSE_SECONDS)

    def _stop(self) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        self._send(signal.SIGTERM)
        while self._living() and time.monotonic() < deadline:
            self._watch(deadline)
        self._send(signal.SIGKILL)
        for place in self._places:
            if place.pid:
                os.waitpid(place.pid, 0)

    def _living(self) -> bool:
        for place in self._places:
            if place.pid and os.waitpid(place.pid, os.WNOHANG)[0]:
                place.pid = 0
        return any(place.pid for place in self._places)

    def _send(self, number: signal.Signals) -> None:
        for place in self._places:
            if place.pid:
                with suppress(ProcessLookupError):
                    os.kill(place.pid, number)
