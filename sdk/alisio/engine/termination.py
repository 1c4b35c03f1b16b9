"""SIGTERM in a process that runs flows by hand: the runs end in order, with their hooks, before the process does.

A first signal ends the code of the root runs in the main thread by `SystemExit`; the next one ends the process at
once, and so does the first where no flow runs. Programs that handle SIGTERM themselves are left alone.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

from alisio.engine.runs import FlowRun

FLUSH_SECONDS = 10.0
"""How long the process waits for what is still to be recorded."""
_EXIT_CODE = 128 + signal.SIGTERM

_roots: set[FlowRun] = set()
"""The root runs whose code the main thread runs."""
_asked = False


class Terminable:
    """A block in which the main thread runs a root flow run by hand.

    Args:
        run: The run.
    """

    __slots__ = ("_run",)

    def __init__(self, run: FlowRun) -> None:
        self._run = run

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        _roots.add(self._run)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _on_sigterm)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _roots.discard(self._run)
        # An exit on its way ends the process by itself, unless threads of tasks would hold it up.
        if _asked and not _roots and (kind is None or self._run.left_behind):
            from alisio.engine.reporter import current_reporter

            current_reporter().flush(FLUSH_SECONDS)
            _end_process()


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    global _asked
    if _asked or not _roots:
        _end_process()
        return
    _asked = True
    # What has ended, and only calls its hooks, is let to its end.
    live = [run for run in _roots if not run.closed and run.ending is None]
    for run in live:
        run.abort_reason = "terminated by SIGTERM (15)"
    if live:
        raise SystemExit(_EXIT_CODE)


def _end_process() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _after_fork() -> None:
    _roots.clear()
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
