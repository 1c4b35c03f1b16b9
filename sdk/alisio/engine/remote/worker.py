"""The worker's side: calls a task's function as its flow's process would, and tells meanwhile what happens.

Everything that a worker tells goes to the flow's process, never to the server: log lines, and what becomes of tasks and
subflows that the task runs itself. The states of the task run are the flow's to note.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextvars import copy_context
from types import GeneratorType
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

from alisio.context import current_flow_run, current_tags, current_task_run
from alisio.engine.base_run import Run
from alisio.engine.drivers import drive, drive_async, run_coroutine
from alisio.engine.effects import Call, Effect, Invoke
from alisio.engine.entrypoints import only_loading
from alisio.engine.outbox import LogEntry, Outbox
from alisio.engine.remote.errors import Sent, sent
from alisio.engine.remote.jobs import Job, TaskFacts, settings_of, task_run_of
from alisio.engine.remote.transfer import explained, pack, unpack
from alisio.engine.rules import describe
from alisio.engine.runs import FlowRun, TaskRun
from alisio.engine.transacting import aborted
from alisio.exceptions import TransferError
from alisio.logging import RunLogger, capture_prints, set_up
from alisio.logging.handlers import APILogHandler
from alisio.settings import read_values

GATHER_SECONDS = 0.05
"""How long news are gathered before they are sent."""

AT_ONCE = 100
"""How many log lines are sent at once within that time, as each may be the last; those of a flood are gathered."""

PROCESS = uuid4().hex
"""Which process this is: a flow's own shows log lines itself."""

_bringing = threading.Lock()
_own_settings: dict[str, str | None] = {}
"""What this process's own variables said before jobs have brought settings."""

Frame: TypeAlias = dict[str, Any]
Emit: TypeAlias = Callable[[Frame], None]


class Answer(NamedTuple):
    """What came of a job: the result as bytes, or the exception; how many seconds it took; what was set meanwhile.

    What was set in the transaction of the run is there by name, each value as bytes.
    """

    value: bytes | None
    error: Sent | None
    seconds: float
    values: Mapping[str, bytes] = {}


class RelayHandler(APILogHandler):
    """Sends a line to the flow's process, whose handlers do with it what they would do with one of its own."""

    def takes(self, record: logging.LogRecord) -> bool:
        """Take all: whether a line is kept is for the handlers of the flow's process to say."""
        return True

    def entry_of(self, record: logging.LogRecord, run: Run, message: str) -> LogEntry:
        """Make what the outbox takes of a line."""
        entry = _OpenEntry(record.created, record.levelno, record.name, message, run)
        entry.send_to_api = bool(getattr(record, "send_to_api", True))
        return entry


class _OpenEntry(LogEntry):
    """A line of which nobody has said whether it is kept."""

    send_to_api: bool

    def to_line(self, root: FlowRun) -> dict[str, Any]:
        return {**super().to_line(root), "send_to_api": self.send_to_api}


def execute(job: Job, emit: Emit) -> Answer:
    """Call the function of a job.

    Args:
        job: What the flow's process has sent.
        emit: Takes news, from several threads at once but one after another: JSON data, as in a frame of an outbox.

    Returns:
        What came of it. All news are given before.
    """
    return copy_context().run(_execute, job, emit)


def _execute(job: Job, emit: Emit) -> Answer:
    relay = Relay(emit)
    began = time.monotonic()
    try:
        bring(settings_of(job))
        set_up(console=False, relay=RelayHandler)
        run, facts = task_run_of(job, relay.outbox)
        if run.log_prints:
            capture_prints()
        flow_run = run.flow_run
        current_flow_run.set(flow_run)
        current_task_run.set(run)
        current_tags.set(facts.tags_around)
        relay.start()
        value = _packed(_call(job, run, facts), facts)
        wait_for_all_within(run)
        return Answer(value, None, time.monotonic() - began, _values_set(run))
    except Exception as error:
        wait_for_all_within(current_task_run.get())
        return Answer(None, sent(error), time.monotonic() - began)
    except BaseException as error:  # it is being stopped, and what runs within it is not waited for
        return Answer(None, sent(error), time.monotonic() - began)
    finally:
        relay.finish()


def bring(settings: Mapping[str, str]) -> None:
    """Have the settings of a job's flow hold, and none that an earlier job, maybe of another flow, has brought."""
    with _bringing:
        for name in [name for name in _own_settings if name not in settings]:
            own = _own_settings.pop(name)
            if own is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = own
        present = {name: each.value for name, each in read_values().items()} if settings else {}
        if all(present.get(name) == value for name, value in settings.items()):
            return  # as they do in the flow's own process, whose variables are left alone
        for name, value in settings.items():
            _own_settings.setdefault(name, os.environ.get(name))
            os.environ[name] = value


def wait_for_all_within(run: TaskRun | None) -> None:
    """Let the tasks end that the task has submitted: they run in this process."""
    if run is None or run.flow_run is None:
        return
    while run.flow_run.futures:
        for future in list(run.flow_run.futures):
            future.wait()
    run.flow_run.stop_task_runner()


def _call(job: Job, run: TaskRun, facts: TaskFacts) -> Any:
    if facts.python != sys.version_info[:2]:
        here, there = (".".join(map(str, version)) for version in (sys.version_info[:2], facts.python))
        raise TransferError(f"the worker runs Python {here} and the flow Python {there}: they must be the same")
    try:
        with only_loading():
            function, run.args, run.kwargs, run.parameters = unpack(job.call)
    except Exception as error:
        raise TransferError(f"task {facts.task_name!r} cannot be read by its worker: {describe(error)}") from error
    steps = _only(run, Invoke(function, run.args, run.kwargs, facts.timeout))
    return run_coroutine(drive_async(steps)) if facts.is_async else drive(steps)


def _only(run: TaskRun, invoke: Invoke) -> Generator[Effect, Any, Any]:
    try:
        value = yield invoke
        if type(value) is GeneratorType:  # it becomes a list where it is made, as it cannot travel
            value = yield Call(list, (value,))
    except BaseException:
        if run.transaction is not None:
            aborted(run)
        raise
    if run.transaction is not None:
        # What ran within the task is committed here: its hooks cannot wait for what becomes of the flow's transaction.
        yield from run.transaction.settle_steps()
    return value


def _values_set(run: TaskRun) -> dict[str, bytes]:
    """Give what the code has set in its transaction: hooks are called in the flow's process."""
    packed: dict[str, bytes] = {}
    for name, value in run.transaction.own_values.items() if run.transaction is not None else ():
        try:
            packed[name] = pack(value)
        except Exception as error:
            text = "what was set as %r in the transaction stays in the worker, and hooks do not see it: %s"
            RunLogger(run).warning(text, name, describe(error))
    return packed


def _packed(value: Any, facts: TaskFacts) -> bytes:
    try:
        return pack(value)
    except Exception as error:
        raise explained(error, f"the result of task {facts.task_name!r}", value, "result") from error


class _RelayOutbox(Outbox):
    """The outbox of a worker: it has nothing to tell of the flow run itself."""

    def _add_root(self, frame: Any, may_end: bool) -> None:
        """Leave the root to its own process."""


class Relay:
    """Takes the news of one job out of its outbox."""

    def __init__(self, emit: Emit) -> None:
        self.outbox = _RelayOutbox(_courier.wake, self._on_log)
        self._emit = emit
        self._sending = threading.Lock()
        self._window = 0.0
        self._sent_in_window = 0

    def start(self) -> None:
        """Begin to send what there is, soon after it is there."""
        _courier.add(self)

    def send(self) -> None:
        """Send what there is."""
        with self._sending:
            while (frame := self.outbox.take()) is not None:
                self._emit({**frame, "process": PROCESS})

    def finish(self) -> None:
        """Send the rest."""
        _courier.remove(self)
        self.send()

    def mute(self) -> None:
        """Tell nothing any more: this process is a fork, and what it would write to is the worker's."""
        self.outbox.mute()
        self._sending = threading.Lock()

    def _on_log(self) -> None:
        now = time.monotonic()
        if now - self._window > GATHER_SECONDS:
            self._window, self._sent_in_window = now, 0
        self._sent_in_window += 1
        if self._sent_in_window <= AT_ONCE:
            self.send()
        else:
            _courier.wake()


class _Courier:
    """One thread a process, which sends what is gathered."""

    def __init__(self) -> None:
        self._relays: set[Relay] = set()
        self._changing = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, relay: Relay) -> None:
        with self._changing:
            self._relays.add(relay)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="alisio-courier", daemon=True)
                self._thread.start()

    def remove(self, relay: Relay) -> None:
        with self._changing:
            self._relays.discard(relay)

    def wake(self) -> None:
        self._woken.set()

    def _run(self) -> None:
        while True:
            self._woken.wait()
            time.sleep(GATHER_SECONDS)
            self._woken.clear()
            with self._changing:
                relays = list(self._relays)
            for relay in relays:
                relay.send()


_courier = _Courier()


def _after_fork() -> None:
    global _courier
    for relay in _courier._relays:  # two processes that write to one socket at once break what is on it
        relay.mute()
    _courier = _Courier()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def shown_elsewhere(frame: Mapping[str, Any]) -> bool:
    """Tell whether the log lines of a frame were written in another process than this one."""
    return frame.get("process") != PROCESS
