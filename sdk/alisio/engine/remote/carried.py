"""Functions that belong to a run wherever they are called: in threads and processes that user code starts.

A process is told about the run as a worker of a task runner is, and tells what happens in it as that does: over a
socket of this machine, on which the run's process listens as soon as the first function is carried.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from multiprocessing.connection import Listener as Socket
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, cast

from alisio.context import current_flow_run, current_tags, current_task_run
from alisio.engine.remote.jobs import Job, facts_of, facts_within, settings_of, task_run_of
from alisio.engine.remote.news import Listener
from alisio.engine.remote.worker import PROCESS, Frame, Relay, RelayHandler, bring, wait_for_all_within
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import TransferError
from alisio.logging import capture_prints, set_up
from alisio.settings import read_values
from alisio.utilities.forks import whole_in_forks

P = ParamSpec("P")
R = TypeVar("R")
_BREATH_SECONDS = 0.1


class _Home(NamedTuple):
    """Where the process of a run is, and what it knows the run by."""

    process: str
    address: str
    password: bytes
    run_id: str
    name: str
    job: Job
    is_task: bool


class Carried(Generic[P, R]):
    """A function that is called as a part of the run that was going on where this was made.

    Args:
        function: The function; for other processes it must be one that `pickle` can send.

    Raises:
        ValueError: It is asynchronous.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        if inspect.iscoroutinefunction(function):
            raise ValueError(f"with_context takes a function that is not asynchronous, unlike {function!r}")
        self._function = function
        self._process = os.getpid()
        self._context: Context | None = copy_context()
        self._home = _home()
        functools.update_wrapper(cast(Any, self), function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function as a part of the run.

        Raises:
            TransferError: The run's process cannot be reached from here.
            Exception: What the function raises.
        """
        if self._context is not None and self._process == os.getpid():
            return self._context.copy().run(self._function, *args, **kwargs)
        if self._home is None:
            return self._function(*args, **kwargs)
        return cast(R, _called_away(self._home, functools.partial(self._function, *args, **kwargs)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self._function, self._home)


def _arrived(function: Callable[..., Any], home: _Home | None) -> Carried[..., Any]:
    """Make one in another process of what was sent there."""
    made = Carried.__new__(Carried)
    made._function, made._home, made._context, made._process = function, home, None, 0
    return made


def _home() -> _Home | None:
    """Say where the run is that this code belongs to; None: it belongs to no flow run."""
    flow_run, task_run = current_flow_run.get(), current_task_run.get()
    if flow_run is None:
        return None
    settings = {name: each.value for name, each in read_values().items() if each.source != "default"}
    known = {name: value for name, value in settings.items() if value is not None}
    run = task_run or flow_run
    job = Job(facts_of(flow_run, known), facts_within(run), b"")
    post = _post_of_here()
    post.expect(run)
    return _Home(PROCESS, post.address, post.password, str(run.id), run.name, job, task_run is not None)


def _called_away(home: _Home, call: Callable[[], Any]) -> Any:
    try:
        connection = Client(home.address, authkey=home.password)
    except (OSError, EOFError, AuthenticationError) as error:
        raise TransferError(
            f"the process of run {home.name!r} cannot be reached from this one: with_context carries a run to "
            f"processes of the same machine, and as long as the run lasts ({error})"
        ) from error
    with connection:
        connection.send(home.run_id)
        try:
            return _call_within(home, connection, call)
        finally:
            # What was told is to be heard before the run can end.
            with suppress(OSError, EOFError):
                connection.send(None)
                connection.recv()


def _call_within(home: _Home, connection: Connection, call: Callable[[], Any]) -> Any:
    """Call something as a part of a run that goes on in another process; all news are given before this ends."""
    bring(settings_of(home.job))
    set_up(console=False, relay=RelayHandler)
    # A fork has the handlers of the run's process, and has shown a line itself. Elsewhere there is one that relays it.
    relays = any(isinstance(handler, RelayHandler) for handler in logging.getLogger("alisio").handlers)

    def emit(frame: Frame) -> None:
        with suppress(OSError):  # where the run's process is gone, nobody keeps them
            connection.send(frame if relays else {**frame, "process": home.process})

    relay = Relay(emit)

    def called() -> Any:
        run, facts = task_run_of(home.job, relay.outbox)
        if run.log_prints:
            capture_prints()
        current_flow_run.set(run.flow_run)
        current_task_run.set(run if home.is_task else None)
        current_tags.set(facts.tags_around)
        relay.start()
        try:
            return call()
        finally:
            wait_for_all_within(run)

    try:
        return copy_context().run(called)
    finally:
        relay.finish()


class _Post:
    """Hears what other processes tell of the runs of this one."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.password = secrets.token_bytes(32)
        self._runs: dict[str, TaskRun | FlowRun] = {}
        self._changing = threading.Lock()
        # Who connects is asked for the password by a thread of its own: one that says nothing holds up nobody.
        self._socket = Socket(family="AF_UNIX", backlog=64)
        self.address = str(self._socket.address)
        threading.Thread(target=self._accept, name="alisio-post", daemon=True).start()

    def expect(self, run: TaskRun | FlowRun) -> None:
        """Take note of a run that others will tell of; those that have ended are forgotten."""
        with self._changing:
            self._runs = {key: each for key, each in self._runs.items() if not each.closed} | {str(run.id): run}

    def _accept(self) -> None:
        while True:
            try:
                self._begin_to_hear(self._socket.accept())
            except (OSError, RuntimeError):  # no descriptor or no thread is to be had: mostly there is one soon
                time.sleep(_BREATH_SECONDS)

    def _begin_to_hear(self, connection: Connection) -> None:
        try:
            threading.Thread(target=self._hear, args=(connection,), name="alisio-news", daemon=True).start()
        except RuntimeError:
            connection.close()
            raise

    def _hear(self, connection: Connection) -> None:
        with connection, suppress(OSError, EOFError, AuthenticationError):
            deliver_challenge(connection, self.password)
            answer_challenge(connection, self.password)
            run = self._runs.get(connection.recv())
            if run is None:
                return
            listener = Listener(cast(TaskRun, run))
            number = 0
            while (frame := connection.recv()) is not None:
                number += 1
                listener.take(number, frame)
            connection.send(None)


_posts: list[_Post] = []
_opening = whole_in_forks(threading.Lock())


def _post_of_here() -> _Post:
    with _opening:
        if not _posts or _posts[0].process != os.getpid():
            _posts[:] = [_Post()]
        return _posts[0]
