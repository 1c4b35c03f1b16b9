"""Tasks in processes of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from alisio.engine.effects import TimeIsUpError
from alisio.engine.remote.channel import Channel
from alisio.exceptions import WorkerLostError
from alisio.task_runners.remote import GRACE_SECONDS, RemoteTaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from alisio.engine.remote.jobs import Job
    from alisio.engine.remote.news import Listener
    from alisio.engine.remote.worker import Answer
    from alisio.engine.runs import TaskRun

LOOK_SECONDS = 0.5
"""How often to look whether a worker that says nothing has had its time."""

MAX_FAILED_STARTS = 3
"""After how many processes in a row that ended before their first task no more are started."""

EXIT_SECONDS = 5.0
"""How long a worker that is told to stop may take, `finally` blocks of tasks included, until it is killed."""


class ProcessPoolTaskRunner(RemoteTaskRunner):
    """Runs submitted tasks in processes of this machine, so that they compute side by side.

    A process is started when a task needs one, is used by others after it, and ends with the flow run.

    Args:
        max_workers: How many tasks run at once; by default as many as this process may use processors.
        initializer: What each process calls when it has started, before its first task. A process in which it raises
            ends, and the task that waited for it is CRASHED. After three such processes in a row no more are started.
        initargs: What it is called with.

    Raises:
        ValueError: `max_workers` is no number, or less than 1, or `initializer` cannot be called.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
            raise ValueError(f"max_workers must be 1 or more, not {max_workers!r}")
        if initializer is not None and not callable(initializer):
            raise ValueError(f"initializer must be a function, not {initializer!r}")
        super().__init__()
        self.max_workers = max_workers or processors()
        self.initializer = initializer
        self.initargs = tuple(initargs)
        self._changing = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._first_call = b""
        self._failed_starts = 0

    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""
        return type(self)(self.max_workers, initializer=self.initializer, initargs=self.initargs)

    def __reduce__(self) -> tuple[Any, ...]:
        made = partial(type(self), initializer=self.initializer, initargs=self.initargs)
        return made, (self.max_workers,)

    def _open(self) -> None:
        """Pack what each process calls first; none is started before a task needs it."""
        if self.initializer is None:
            return
        from alisio.engine.remote.transfer import explained, pack, send_own_file_by_value

        send_own_file_by_value()
        try:
            self._first_call = pack(partial(self.initializer, *self.initargs))
        except Exception as error:
            raise explained(error, "the initializer", (self.initializer, self.initargs), "initializer") from error

    def _places(self) -> int:
        return self.max_workers

    def _work(self, job: Job, listener: Listener, run: TaskRun, timeout: float | None) -> Answer:
        worker = self._take_worker()
        try:
            answer = worker.work(job, listener, timeout)
        except BaseException as error:
            worker.kill()
            self._count(worker, error)
            raise
        finally:
            self._give_back(worker)
        self._failed_starts = 0
        return answer

    def _count(self, worker: _Worker, error: BaseException) -> None:
        """Give up where it is not a task that ends processes: each task would start another one for nothing."""
        if self.has_ended():
            return
        with self._changing:
            self._failed_starts = 0 if worker.ready else self._failed_starts + 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                name, tries = type(self).__name__, self._failed_starts
                self._failure = f"{name} starts no more processes, as none of the last {tries} was ready: {error}"

    def _take_worker(self) -> _Worker:
        with self._changing:
            if self.has_ended():
                raise WorkerLostError("its flow run has ended")
            if self._failure is not None:
                raise WorkerLostError(self._failure)
            worker = self._idle.pop() if self._idle else None
            if worker is not None:
                self._busy.add(worker)
                return worker
        try:
            worker = _Worker(self._first_call)
        except OSError as error:
            raise WorkerLostError(f"no process can be started for it: {error.strerror}") from error
        with self._changing:
            self._busy.add(worker)
        if self.has_ended():
            worker.kill()
        return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._changing:
            self._busy.discard(worker)
            if not self.has_ended() and worker.alive:
                self._idle.append(worker)
                return
        worker.end()

    def _close(self) -> None:
        with self._changing:
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for worker in busy:
            worker.terminate()
        for worker in idle:
            worker.disconnect()
        for worker in idle:
            worker.end()


class _Worker:
    """A process, and the thread's end of the socket to it.

    Attributes:
        ready: Whether it has done all that comes before its first task.
    """

    def __init__(self, first_call: bytes) -> None:
        own, child = socket.socketpair()
        self._channel = Channel(own.detach())
        self._told_until = float("inf")
        self._killed = False
        self.ready = False
        self._flow: bytes | None = None
        with child:
            descriptor = child.fileno()
            command = [sys.executable, "-m", "alisio.engine.remote.child", str(descriptor)]
            try:
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[descriptor])
            except OSError:
                self._channel.close()
                raise
        try:
            self._channel.send(pickle.dumps((sys.path, sys.argv, first_call)))
        except OSError:
            self.end()  # it has died already; the first job tells how

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""
        return not self._killed and not self._channel.closed and self._process.poll() is None

    def work(self, job: Job, listener: Listener, timeout: float | None) -> Answer:
        """Do a job.

        Raises:
            WorkerLostError: The process has died.
            TimeIsUpError: It does not answer though its time is up.
        """
        try:
            self._send(job)
            if not self.ready:  # its start, with what it calls first, is no part of the time that a task may take
                self._receive(float("inf"))
                self.ready = True
            listener.begun()
            deadline = float("inf") if timeout is None else time.monotonic() + timeout + GRACE_SECONDS
            for number in range(1, sys.maxsize):
                kind, content = self._receive(deadline)
                if kind == "answer":
                    answer: Answer = content
                    return answer
                listener.take(number, content)
        except (EOFError, OSError, pickle.UnpicklingError):
            pass
        raise WorkerLostError(self._how_it_ended())

    def terminate(self) -> None:
        """Have the task that it runs interrupted; who waits for it waits a while longer, and kills it then."""
        self._told_until = time.monotonic() + EXIT_SECONDS
        self._process.send_signal(signal.SIGTERM)

    def disconnect(self) -> None:
        """Let it go, while it does nothing."""
        self._channel.close()

    def kill(self) -> None:
        """End it at once."""
        self._killed = True
        self._process.kill()

    def end(self) -> None:
        """Wait until it has gone; not long."""
        self._channel.close()
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, job: Job) -> None:
        self._channel.send(b"" if job.flow == self._flow else job.flow, job.task, job.call)
        self._flow = job.flow

    def _receive(self, deadline: float) -> tuple[str, Any]:
        while not self._channel.wait(LOOK_SECONDS):
            now = time.monotonic()
            if now > self._told_until:
                raise EOFError
            if now > deadline:
                raise TimeIsUpError
        message: tuple[str, Any] = pickle.loads(self._channel.receive())
        return message

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "its worker process does not answer"
        if code >= 0:
            before = "the task had ended" if self.ready else "its first task"
            return f"its worker process exited with code {code} before {before}"
        name = {each.value: f" ({each.name})" for each in signal.Signals}.get(-code, "")
        hint = "; the system does that where memory runs out" if -code == signal.SIGKILL else ""
        return f"its worker process was killed by signal {-code}{name}{hint}"


def processors() -> int:
    """Tell how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
