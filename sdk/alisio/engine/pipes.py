"""The two pipes between a supervised child and its supervisor: news go up, words come down."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any

from alisio.engine.outbox import Outbox
from alisio.engine.pause_requests import PAUSES, ask_to_pause
from alisio.engine.runs import FlowRun
from alisio.exceptions import TerminationSignal

FLUSH_SECONDS = 0.05
"""How long news are gathered before they are written."""

LAST_WORDS_SECONDS = 0.1
"""How long a line of the log waits to be written, in case it is the last that the process says."""

LAST_WORDS_PER_FLUSH = 100
"""How many lines wait so; those of a flood beyond it are gathered."""

CANCEL_WORD_SECONDS = 1.0
"""How long after SIGTERM the word may take whether it is a cancellation or the host's end; it was written before."""


class ReportPipe:
    """Writes what the outbox holds to the supervisor.

    Attributes:
        outbox: The run's.
    """

    def __init__(self, descriptor: int) -> None:
        # A process that user code leaves behind must not hold the pipe open.
        os.set_inheritable(descriptor, False)
        self.outbox = Outbox(self._wake, self._wait_until_written)
        self._descriptor = descriptor
        self._woken = threading.Event()
        self._hurry = threading.Event()
        self._writing = threading.Lock()
        self._written = threading.Condition()
        self._lines_put = 0
        self._lines_written = 0
        self._may_wait = 0

    def start(self) -> None:
        """Begin to write, from a thread."""
        self._may_wait = LAST_WORDS_PER_FLUSH
        threading.Thread(target=self._run, name="alisio-report-pipe", daemon=True).start()
        os.register_at_fork(after_in_child=self.outbox.mute)

    def flush(self) -> None:
        """Write all that there is."""
        with self._writing:
            while (frame := self.outbox.take()) is not None:
                self.write(frame)

    def write(self, frame: Mapping[str, Any]) -> None:
        """Write one line. When the supervisor is gone there is nobody to tell."""
        line = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            return

    def _wake(self) -> None:
        self._woken.set()

    def _wait_until_written(self) -> None:
        """Hold the thread that has logged until its line is in the pipe: the next thing it does may kill it.

        The writing itself stays with the pipe's thread, where no signal's exception can tear a line.
        """
        if self._may_wait <= 0:
            self._wake()
            return
        self._may_wait -= 1
        with self._written:
            self._lines_put += 1
            line = self._lines_put
            self._hurry.set()
            self._woken.set()
            self._written.wait_for(lambda: self._lines_written >= line, LAST_WORDS_SECONDS)

    def _run(self) -> None:
        while True:
            self._woken.wait()
            if not self._hurry.wait(FLUSH_SECONDS):
                self._may_wait = LAST_WORDS_PER_FLUSH
            self._woken.clear()
            self._hurry.clear()
            with self._written:
                lines = self._lines_put
            if self.outbox.has_news:
                self.flush()
            with self._written:
                self._lines_written = lines
                self._written.notify_all()


class Control:
    """Listens to the supervisor, and to SIGTERM."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._asked = threading.Event()
        self._cancelled = False
        self._watched: FlowRun | None = None
        self._early: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self._raised = False

    @property
    def cancel_requested(self) -> bool:
        """Whether the supervisor has asked for a cancellation."""
        return self._cancelled

    def start(self) -> None:
        """Begin to listen. From now on SIGTERM raises `TerminationSignal` in the main thread."""
        threading.Thread(target=self._listen, name="alisio-control", daemon=True).start()
        signal.signal(signal.SIGTERM, self._on_sigterm)
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))

    def watch(self, run: FlowRun) -> None:
        """Say which run is to hear of it, also of what was said while its code was loaded."""
        with self._lock:
            self._watched = run
            for word in self._early.values():
                _pass_on(run, word)

    def stop(self) -> None:
        """Let nothing disturb the last words: how the run ended is decided."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _listen(self) -> None:
        with os.fdopen(self._descriptor, "rb") as lines:
            for line in lines:
                word = json.loads(line)
                kind = word.get("kind")
                if kind in ("cancel", "stop"):
                    self._cancelled = self._cancelled or kind == "cancel"
                    self._asked.set()
                    continue
                with self._lock:
                    if self._watched is None:
                        self._early["pause" if kind in PAUSES else str(kind)] = word
                    else:
                        _pass_on(self._watched, word)
        # The supervisor is gone: with the child goes all that it has started.
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        run = self._watched
        # Once only: a second one must not interrupt the recording of the first.
        if self._raised or (run is not None and (run.closed or run.ending is not None)):
            return
        self._raised = True
        self._asked.wait(CANCEL_WORD_SECONDS)
        cancelled = self._cancelled
        reason = "cancelled on request" if cancelled else "terminated by SIGTERM (15)"
        if run is not None:
            run.cancel_requested = cancelled
            run.abort_reason = reason
        raise TerminationSignal(reason)


def _pass_on(run: FlowRun, word: Mapping[str, Any]) -> None:
    """Let a run hear what its supervisor has said."""
    if word.get("kind") in PAUSES:
        ask_to_pause(run, word["kind"])
    elif word.get("kind") == "limited_tags" and run.outbox is not None:
        run.outbox.limited_tags.tell(word["tags"])
