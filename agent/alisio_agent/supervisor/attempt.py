"""One attempt of a flow run: the gate, the child, its end, and the last report."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Container
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from alisio_agent.supervisor.api import Api
from alisio_agent.supervisor.child import Child, start_child
from alisio_agent.supervisor.hooks import hooks_job
from alisio_agent.supervisor.loop import Loop
from alisio_agent.supervisor.outcomes import Outcome
from alisio_agent.supervisor.output import Output
from alisio_agent.supervisor.places import run_folders, run_name, spool_folders
from alisio_agent.supervisor.records import LOGGER, WARNING, Record, is_last, state
from alisio_agent.supervisor.reporter import Answer, Reporter, SupersededError
from alisio_agent.supervisor.reports import Outbox
from alisio_agent.supervisor.spool import Spool
from alisio_agent.supervisor.timing import Timing


class Context(NamedTuple):
    """What the attempts of a supervisor share.

    Attributes:
        api: How to reach the API.
        loop: What to wait with.
        timing: How long to wait for what.
        warm: Whether the engine is imported in this process, so that a child can call it.
    """

    api: Api
    loop: Loop
    timing: Timing
    warm: bool


_PAUSES = ("pause", "suspend")


class Retry(NamedTuple):
    """The API's wish to run again: as which attempt, and when by the monotonic clock."""

    attempt: int
    start_at: float


class Attempt:
    """Executes one attempt.

    Args:
        job: The job, with the attempt's number.
        context: What it works with.
        retry: Why it is made, where it is not the first of this supervisor.

    Attributes:
        retry: The API's wish after the end, if it has one.
    """

    def __init__(self, job: dict[str, Any], context: Context, retry: Retry | None = None) -> None:
        home, name = Path(job["home"]), run_name(job["flow_run_id"], job["attempt"])
        self.retry: Retry | None = None
        self._job = job
        self._context = context
        self._timing = context.timing
        self._start_at = retry.start_at if retry else time.monotonic()
        self._folder = run_folders(home) / name
        self._spool = Spool(spool_folders(home) / name)
        self._outbox = Outbox(self._spool)
        self._reporter = Reporter(context.api, self._outbox, job["flow_run_id"], job["attempt"], context.timing)
        self._child: Child | None = None
        self._output: Output | None = None
        self._outcome: Outcome | None = None
        self._folder_fd: int | None = None
        self._ended: Record | None = None
        self._is_concluded = self._is_cancelled = self._is_stopping = self._was_killed = False
        self._kill_at = self._drain_until = self._linger_until = self._hooks_until = inf
        self._give_up_at = self._start_at + float(job["start_timeout_seconds"])
        self._knock(state("RUNNING", name="Retrying" if retry else "Running"))

    def run(self) -> Outcome:
        """Execute it to the end.

        Returns:
            How it ended.
        """
        try:
            while not (self._is_concluded and self._child is None):
                self._context.loop.wait(self._next_deadline() - time.monotonic())
                self._step(time.monotonic())
        except SupersededError:
            self._outcome = Outcome.SUPERSEDED
        finally:
            self._clean_up()
        return Outcome.UNDELIVERED if self._outcome is None else self._outcome

    def _knock(self, running: Record) -> None:
        """Make the first report, which is the gate: nothing of the user's starts before it is accepted."""
        infrastructure = f"process:{socket.gethostname()}:{os.getpid()}"
        self._outbox.add_frame({"facts": {"infrastructure": infrastructure}, "states": [running]})

    def _next_deadline(self) -> float:
        report_at = max(self._start_at, self._reporter.due_at())
        return min(report_at, self._kill_at, self._drain_until, self._linger_until, self._give_up_at)

    def _step(self, now: float) -> None:
        if self._context.loop.stop_requested and not self._is_stopping:
            self._is_stopping = True
            self._cancel(now)
        answer = self._reporter.collect(now)
        if answer is not None:
            self._obey(answer, now)
        if self._child is not None and self._output is not None:
            self._watch(self._child, self._output, now)
        if now >= self._give_up_at:
            self._conclude(Outcome.UNDELIVERED)
        elif not self._is_concluded and now >= max(self._start_at, self._reporter.due_at()):
            self._reporter.send(now)

    def _obey(self, answer: Answer, now: float) -> None:
        directives = {directive["kind"]: directive for directive in answer.directives}
        ended = is_last(answer.state) or answer.state["type"] == "SCHEDULED"
        retry = directives.get("retry")
        if retry is not None and self._reporter.is_done:
            self.retry = Retry(int(retry["attempt"]), now + float(retry["delay_seconds"] or 0))
            self._conclude(Outcome.SCHEDULED)
        elif ended and (self._reporter.is_done or not self._outbox.closed):
            self._conclude(Outcome[answer.state["type"]])
            if not self._outbox.closed:  # somebody else ended the run
                self._kill()
        elif self._reporter.is_done:
            self._insist()
        elif "cancel" in directives:
            self._cancel(now)
        elif self._child is None and not self._outbox.closed:
            self._job["limited_tags"] = answer.limited_tags
            self._start(now)
            self._pass_on(answer, directives)
        else:
            self._pass_on(answer, directives)

    def _pass_on(self, answer: Answer, directives: Container[str]) -> None:
        if self._child is not None:
            self._child.ask_to_pause(next((kind for kind in _PAUSES if kind in directives), None))
            self._child.tell_limited_tags(answer.limited_tags)

    def _conclude(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._is_concluded = True
        self._give_up_at = inf

    def _insist(self) -> None:
        """All is delivered, and yet the run has not ended: the API would not have the flow's own last state."""
        if self._outbox.terminal is None:
            self._conclude(Outcome.UNDELIVERED)
            return
        self._outbox.terminal = None
        self._outbox.close(state("CRASHED", "the API refused the flow's final state; the run's logs say why"))

    def _start(self, now: float) -> None:
        self._give_up_at = inf
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._hold_folder()
            self._child = start_child(self._job, self._folder, self._context.api.authorization, warm=self._context.warm)
        except OSError as error:
            message = f"the flow's process could not be started on this host: {error.strerror}"
            self._close(state("CRASHED", message), now)
        else:
            self._output = Output(self._child, self._outbox, self._context.loop)

    def _hold_folder(self) -> None:
        """Lock the run's folder, so that no agent takes it for a leftover."""
        self._folder_fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._folder_fd, fcntl.LOCK_SH)

    def _cancel(self, now: float) -> None:
        if self._is_cancelled or self._outbox.closed or self._ended is not None:
            return
        self._is_cancelled = True
        if self._child is None:
            self._close(self._last_word(), now)
        else:
            self._child.ask_to_stop(cancelled=not self._is_stopping)
            self._kill_at = now + self._timing.grace

    def _watch(self, child: Child, output: Output, now: float) -> None:
        if child.has_exited():
            if self._drain_until == inf:
                child.kill_group()
                output.pause(False)
                self._drain_until = now + self._timing.drain
            if output.is_drained or now >= self._drain_until:
                self._bury(child, output, now)
            return
        # While the API answers, a child that says too much waits; while it is away, lines are let go.
        output.pause(self._outbox.is_crowded and self._reporter.failures == 0)
        if self._outbox.terminal is not None and self._linger_until == inf and not self._outbox.closed:
            self._linger_until = now + self._timing.linger
            self._kill_at = min(self._kill_at, now + self._timing.grace)
        if self._outbox.ending is not None and self._hooks_until == inf:
            self._hooks_until = now + self._timing.hooks
            self._kill_at = min(self._kill_at, self._hooks_until)
        if now >= self._linger_until:
            self._close(self._last_word(), now)
        if now >= self._kill_at:
            self._was_killed = True
            self._kill()

    def _kill(self) -> None:
        self._kill_at = inf
        if self._child is not None:
            self._child.kill_group()

    def _bury(self, child: Child, output: Output, now: float) -> None:
        self._drain_until = self._kill_at = inf
        output.close()
        last = self._last_word()
        child.close_control()
        self._child = None
        if not self._call_hooks(last, now):
            self._close(last, now)

    def _call_hooks(self, last: Record, now: float) -> bool:
        """Have hooks called for an end that the run's own process did not see; tell whether that has begun."""
        job = hooks_job(self._job, self._outbox, self._folder, last)
        if job is None or self._outbox.closed or self._is_concluded or self._is_stopping or self._ended is not None:
            return False
        try:
            self._child = start_child(job, self._folder, self._context.api.authorization, warm=self._context.warm)
        except OSError:
            return False
        self._outbox.add_log(WARNING, LOGGER, f"{last['type']}: {last['message']}; the flow's hooks are called")
        self._output = Output(self._child, self._outbox, self._context.loop)
        self._ended = last
        self._kill_at = now + self._timing.hooks
        return True

    def _close(self, last: Record, now: float) -> None:
        self._linger_until = inf
        if not self._outbox.closed:
            self._outbox.close(last)
            self._give_up_at = now + self._timing.give_up

    def _last_word(self) -> Record:
        """Choose the state that the run ends in."""
        if self._ended is not None:  # whatever the process says that only calls hooks
            return self._ended
        told = self._outbox.told
        if self._is_stopping and (told is None or told["type"] in ("CANCELLED", "CRASHED")):
            return state("CRASHED", "supervisor was asked to stop (SIGTERM)")
        if told is not None:
            return told
        if self._is_cancelled:
            killed = f"its process did not end within {self._timing.grace:g} s and was killed"
            return state("CANCELLED", killed if self._was_killed else "its process was ended")
        return state("CRASHED", self._child.describe_end() if self._child else None)

    def _clean_up(self) -> None:
        # Imported here because most of a supervisor's life is over: it would only take room before.
        import shutil

        if self._child is not None and self._output is not None:
            self._child.kill_group()
            self._output.close()
            self._child.reap()
            self._child.close_control()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder_fd is not None:
            os.close(self._folder_fd)
        self._spool.remove()
