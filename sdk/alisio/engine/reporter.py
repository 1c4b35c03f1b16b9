"""Reporting the runs that were started by hand: one thread a process, which sends what the outboxes hold.

User code never waits for it. The interpreter does, for a bounded time, when it exits.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  # it must not be imported for the first time at exit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

from alisio.engine.recording import Recording
from alisio.exceptions import ApiError, SettingsError
from alisio.logging import get_logger, set_up
from alisio.settings import Settings, current_settings

EXIT_SECONDS = 10.0
"""How long the interpreter's exit waits for what cannot be sent."""

SLOW_EXIT_SECONDS = 60.0
"""How long it waits where nothing has failed: the machine is slow, or many scripts write to one database."""


class ReportingClient(Protocol):
    """The part of the client that is used here."""

    def send_report(self, flow_run_id: UUID, report: dict[str, Any], /) -> Any:
        """Send a report and give the answer."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Reporter:
    """Sends the reports of all recordings of this process.

    Args:
        open_client: Opens the way to the server that the settings name.
    """

    def __init__(self, open_client: Callable[[Settings], ReportingClient]) -> None:
        self._open_client = open_client
        self._client: ReportingClient | None = None
        self._client_settings: Settings | None = None
        self._recordings: list[Recording] = []
        self._changed = threading.Condition()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._flushes = 0
        self._flushed = 0
        self._stopping = False
        self._trouble: str | None = None

    def wake(self) -> None:
        """Look at the outboxes again."""
        self._woken.set()

    def add(self, recording: Recording) -> None:
        """Report on one more run."""
        with self._changed:
            self._recordings.append(recording)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alisio-reporter", daemon=True)
                self._thread.start()
        self.wake()

    def flush(self, timeout: float, patience: float = 0.0) -> bool:
        """Send what there is, without the usual pauses, and wait until the server has it.

        Args:
            timeout: How many seconds to wait at most.
            patience: How many more to wait while nothing fails.

        Returns:
            Whether all is sent.
        """
        with self._changed:
            if not self._recordings:
                return True
            self._flushes += 1
            wanted = self._flushes
            self.wake()
            if not self._changed.wait_for(lambda: self._flushed >= wanted, timeout):
                self._changed.wait_for(lambda: self._flushed >= wanted or self._trouble is not None, patience)
            return self._flushed >= wanted

    def stop(self) -> None:
        """Send the rest at the interpreter's exit; if that does not succeed in time, say so in one line."""
        try:
            done = self.flush(EXIT_SECONDS, SLOW_EXIT_SECONDS - EXIT_SECONDS)
        except KeyboardInterrupt:
            done = False
        if not done:
            count = sum(not each.settled for each in self._recordings)
            runs = "1 flow run is" if count == 1 else f"{count} flow runs are"
            sys.stderr.write(f"alisio: {runs} not fully recorded: {self._trouble or 'no answer in time'}\n")
        self._stopping = True
        self.wake()
        if done and self._thread is not None:
            self._thread.join(1.0)

    def mute(self) -> None:
        """Keep nothing any more of the runs that it reports on: this process is a fork of theirs."""
        for recording in self._recordings:
            recording.outbox.mute()

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            with self._changed:
                recordings = list(self._recordings)
                flushes = self._flushes
            hurry = flushes > self._flushed
            now = time.monotonic()
            for recording in recordings:
                if recording.due_at(hurry) <= now:
                    self._send(recording)
            with self._changed:
                self._recordings = [each for each in self._recordings if not each.over]
                if all(each.settled for each in self._recordings):
                    self._flushed = flushes
                self._changed.notify_all()
                hurry = self._flushes > self._flushed
                due = min((each.due_at(hurry) for each in self._recordings), default=now + 3_600.0)
            self._woken.wait(max(due - time.monotonic(), 0.0))
        self._close_client()

    def _send(self, recording: Recording) -> None:
        try:
            client = self._client_for(recording.settings)
            answer = client.send_report(recording.outbox.root.id, recording.next_report())
        except SettingsError as error:
            self._give_up(recording, str(error))
        except ApiError as error:
            if error.status >= 500 or error.status == 429:
                self._postpone(recording, error.message)
            else:
                self._give_up(recording, error.message)
        except Exception as error:
            self._postpone(recording, str(error) or type(error).__name__)
        else:
            if self._trouble is not None:
                get_logger("reporter").warning("the server answers again")
            self._trouble = None
            recording.accepted(answer)

    def _postpone(self, recording: Recording, reason: str) -> None:
        if self._trouble is None:
            get_logger("reporter").warning("runs cannot be recorded now; this will be tried again: %s", reason)
        self._trouble = reason
        recording.unanswered()
        self._close_client()

    def _give_up(self, recording: Recording, reason: str) -> None:
        name = recording.outbox.root.name
        sys.stderr.write(f"alisio: flow run {name!r} is recorded no further: {reason}\n")
        recording.outbox.mute()
        with self._changed:
            self._recordings.remove(recording)

    def _client_for(self, settings: Settings) -> ReportingClient:
        if self._client is None or self._client_settings != settings:
            self._close_client()
            self._client = self._open_client(settings)
            self._client_settings = settings
        return self._client

    def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _open_client(settings: Settings) -> ReportingClient:
    from alisio.client.opening import open_transport

    return open_transport(settings)


_reporter = Reporter(_open_client)
"""The one of this process."""


def current_reporter() -> Reporter:
    """Give the reporter of this process."""
    return _reporter


@contextmanager
def own_reporter() -> Iterator[Reporter]:
    """Report the runs that begin within a block apart from all others; at its end all of them is sent."""
    global _reporter
    before, own = _reporter, Reporter(_open_client)
    _reporter = own
    try:
        yield own
    finally:
        _reporter = before
        own.stop()


def open_recording() -> Recording:
    """Begin to record a root flow run by hand.

    Raises:
        SettingsError: A setting cannot be used.
    """
    settings = current_settings()
    set_up(settings)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        from alisio.engine.timeouts import make_interruptible

        make_interruptible()
    return Recording(_reporter, settings)


def _after_fork() -> None:
    global _reporter
    _reporter.mute()
    _reporter = Reporter(_open_client)


atexit.register(lambda: _reporter.stop())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
