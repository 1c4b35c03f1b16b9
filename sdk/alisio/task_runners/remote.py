"""What the task runners share that have tasks run in other processes: see `alisio.engine.remote`."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from alisio.engine.drivers import drive
from alisio.engine.effects import Effect, Invoke, Sleep, Steps
from alisio.engine.remote.jobs import Job, facts_of, gathering, job_of
from alisio.engine.remote.news import Listener, opened
from alisio.engine.remote.transfer import send_own_file_by_value
from alisio.engine.remote.worker import Answer
from alisio.engine.rules import describe
from alisio.exceptions import WorkerLostError
from alisio.settings import read_values
from alisio.task_runners.admission import Admission
from alisio.task_runners.base import TaskRunner

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun, TaskRun
    from alisio.states import State

GRACE_SECONDS = 5.0
"""How long after the end of its time a worker may take to say so, before it is taken to hang."""


class RemoteTaskRunner(TaskRunner):
    """Has the functions of tasks run by workers. All else of a task run stays here, each on a thread that waits."""

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._admission: Admission | None = None
        self._facts: tuple[int, bytes] | None = None
        self._closed = False
        self._failure: str | None = None

    def submit(self, call: Callable[[], object]) -> None:
        """Run a call when there is a place for it.

        Raises:
            RuntimeError: It was shut down.
            WorkerLostError: It cannot start.
        """
        self.prepare().submit(call)

    def prepare(self) -> Admission:
        """Make ready to work, where it is not yet.

        Raises:
            RuntimeError: It was shut down.
            WorkerLostError: It cannot start.
        """
        with self._opening:
            if self._closed:
                raise RuntimeError("it was shut down")
            if self._admission is None:
                self._start()
                self._admission = Admission(self._places)
            return self._admission

    def has_ended(self) -> bool:
        """Tell whether its flow run has ended."""
        return self._closed

    def shutdown(self) -> None:
        """Take no more calls, drop those that have not begun, and end the workers."""
        with self._opening:
            self._closed = True
            admission, self._admission = self._admission, None
        if admission is not None:
            admission.close()
            self._close()

    def drive(self, run: TaskRun, steps: Steps) -> State[Any]:
        """Run a task's rules to their end here, and its function in a worker."""
        if run.definition.is_generator:
            run.definition = gathering(run.definition)
        try:
            effect = steps.send(None)
            while True:
                try:
                    answer = self._perform(run, effect)
                except BaseException as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(answer)
        except StopIteration as end:
            state: State[Any] = end.value
            return state

    def _perform(self, run: TaskRun, effect: Effect) -> Any:
        if isinstance(effect, Invoke):
            return self._invoke(run, effect)
        if isinstance(effect, Sleep) and self._admission is not None:
            with self._admission.without_place():
                return time.sleep(effect.seconds)
        answer: Any = drive(_only(effect))
        return answer

    def _invoke(self, run: TaskRun, invoke: Invoke) -> Any:
        assert run.flow_run is not None
        job = job_of(run, invoke, self._facts_of(run.flow_run))
        listener = Listener(run)
        try:
            answer = self._work(job, listener, run, invoke.timeout)
        except WorkerLostError as error:
            error.task_run_id = run.id
            listener.take_early()
            raise
        listener.ended(answer.seconds)
        return opened(answer, run)

    def _facts_of(self, flow_run: FlowRun) -> bytes:
        with self._opening:
            if self._facts is None or self._facts[0] != flow_run.run_count:
                send_own_file_by_value()
                settings = {name: each.value for name, each in read_values().items() if each.source != "default"}
                known = {name: value for name, value in settings.items() if value is not None}
                self._facts = flow_run.run_count, facts_of(flow_run, known)
            return self._facts[1]

    def _start(self) -> None:
        if self._failure is None:
            try:
                return self._open()
            except Exception as error:
                self._failure = f"{type(self).__name__} cannot start: {describe(error)}"
        raise WorkerLostError(self._failure)

    @abstractmethod
    def _open(self) -> None:
        """Make ready to work."""

    @abstractmethod
    def _places(self) -> int:
        """Tell how many jobs may be worked on at once now."""

    @abstractmethod
    def _work(self, job: Job, listener: Listener, run: TaskRun, timeout: float | None) -> Answer:
        """Have a job done by a worker, and wait for its answer.

        Args:
            job: What is to be done.
            listener: Takes what the worker tells meanwhile.
            run: Whose job it is.
            timeout: How many seconds the function may take; the worker sees to that, unless it hangs.

        Raises:
            WorkerLostError: The worker is gone.
            TimeIsUpError: It hangs.
        """

    @abstractmethod
    def _close(self) -> None:
        """End what `_open` and the jobs have started, without waiting long."""


def _only(effect: Effect) -> Generator[Effect, Any, Any]:
    return (yield effect)
