"""Tasks on a Ray cluster: `pip install 'alisio[ray]'`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from alisio.engine.effects import TimeIsUpError
from alisio.engine.remote.news import PATIENCE_SECONDS
from alisio.exceptions import WorkerLostError
from alisio.task_runners.remote import GRACE_SECONDS, RemoteTaskRunner

if TYPE_CHECKING:
    from alisio.engine.remote.jobs import Job
    from alisio.engine.remote.news import Listener
    from alisio.engine.remote.worker import Answer
    from alisio.engine.runs import TaskRun

LOOK_SECONDS = 0.5
"""How often the number of the cluster's processors is asked for, and hanging jobs are looked for."""

EXIT_SECONDS = 5.0
"""How long tasks that are interrupted may take to end, until their workers are killed."""

_remote_options: ContextVar[Mapping[str, Any]] = ContextVar("alisio_ray_options")


@contextmanager
def remote_options(**options: Any) -> Iterator[Mapping[str, Any]]:
    """Have the tasks that the block submits run with these options of Ray's, such as `num_cpus=4, num_gpus=1`.

    Args:
        options: As for `ray.remote`; they are laid over those of the blocks around this one.

    Yields:
        All options that hold within the block.
    """
    together = {**_remote_options.get({}), **options}
    token = _remote_options.set(together)
    try:
        yield together
    finally:
        _remote_options.reset(token)


class RayTaskRunner(RemoteTaskRunner):
    """Runs submitted tasks on a Ray cluster.

    Where Ray is not initialised in this process, the first submitted task does that, and the flow run's end ends it.

    Args:
        address: Of a cluster that runs, such as `ray://192.0.2.1:10001`; without one, an instance on this machine.
        init_kwargs: More that `ray.init` is called with.

    Raises:
        ImportError: Ray is not installed.
        ValueError: The address is given twice.
    """

    def __init__(self, address: str | None = None, init_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if find_spec("ray") is None:
            raise ImportError("RayTaskRunner needs Ray: install it with `pip install 'alisio[ray]'`")
        if address is not None and "address" in (init_kwargs or {}):
            raise ValueError("RayTaskRunner: address is given twice, by itself and in init_kwargs")
        self.address = address
        self.init_kwargs = dict(init_kwargs or {})
        self._initialised = False
        self._mailbox: Any = None
        self._processors = 1
        self._jobs: dict[str, _RunningJob] = {}
        self._stopped = threading.Event()

    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""
        return type(self)(self.address, self.init_kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.address, self.init_kwargs)

    def _open(self) -> None:
        import ray

        from alisio.task_runners.ray_cluster import Mailbox

        if not ray.is_initialized():
            options = {"log_to_driver": False, "include_dashboard": False, **self.init_kwargs}
            ray.init(self.address, **options)
            self._initialised = True
        self._mailbox = ray.remote(Mailbox).options(num_cpus=0).remote()
        self._look()
        for work in (self._read_mail, self._keep_looking):
            threading.Thread(target=work, name="alisio-ray", daemon=True).start()

    def _places(self) -> int:
        # Some jobs wait at the cluster, so that nobody there waits for the next one, and it grows where it can.
        return max(2 * self._processors, 4)

    def _keep_looking(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            with suppress(Exception):  # where the cluster is gone, those who wait for its answers hear of that
                self._look()
            admission = self._admission
            if admission is not None:
                admission.admit()

    def _look(self) -> None:
        import ray

        self._processors = int(ray.cluster_resources().get("CPU", os.cpu_count() or 1))

    def _read_mail(self) -> None:
        import ray

        while not self._stopped.is_set():
            try:
                messages = ray.get(self._mailbox.take.remote())
            except Exception:
                return  # the cluster is gone
            for job_id, number, frame in messages:
                known = self._jobs.get(job_id)
                if known is None:
                    continue
                if number < 0:
                    known.all_read.set()
                elif frame is None:
                    known.begin()
                else:
                    known.listener.take(number, frame)

    def _work(self, job: Job, listener: Listener, run: TaskRun, timeout: float | None) -> Answer:
        import ray

        from alisio.task_runners.ray_cluster import work

        id_ = uuid4().hex
        running = self._jobs[id_] = _RunningJob(listener)
        try:
            # A second try would do again what the first one has done before its worker died.
            options = {"max_retries": 0, "name": run.definition.name, **_remote_options.get({})}
            running.reference = ray.remote(work).options(**options).remote(*job, self._mailbox, id_)
            answer, tail = running.wait(timeout)
        except TimeIsUpError:
            raise
        except Exception as error:
            if self._closed:
                raise WorkerLostError("its flow run has ended") from None
            with suppress(Exception):  # what it said before it died lies in the mailbox; nothing is read after this
                self._mailbox.put.remote(id_, -1, None)
                running.all_read.wait(PATIENCE_SECONDS)
            raise WorkerLostError(_what_happened(error)) from error
        finally:
            del self._jobs[id_]
        listener.take_rest(tail)
        result: Answer = answer
        return result

    def _close(self) -> None:
        import ray

        for force in (False, True):  # the first raises KeyboardInterrupt in the task, so that `finally` blocks run
            left = [running.reference for running in list(self._jobs.values()) if running.reference is not None]
            for reference in left:
                with suppress(Exception):
                    ray.cancel(reference, force=force)
            if left and not force:
                with suppress(Exception):
                    ray.wait(left, num_returns=len(left), timeout=EXIT_SECONDS)
        self._stopped.set()
        with suppress(Exception):
            ray.kill(self._mailbox)
        if self._initialised:
            ray.shutdown()


class _RunningJob:
    """A job on its way."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.reference: Any = None
        self.all_read = threading.Event()
        self._began: float | None = None

    def begin(self) -> None:
        """Note that a worker has begun it."""
        self.listener.begun()
        self._began = time.monotonic()

    def wait(self, timeout: float | None) -> Any:
        """Wait for the answer; where it takes longer than its time, though the worker sees to that, not for ever."""
        import ray

        while timeout is not None and not ray.wait([self.reference], timeout=LOOK_SECONDS)[0]:
            if self._began is not None and time.monotonic() > self._began + timeout + GRACE_SECONDS:
                ray.cancel(self.reference, force=True)
                raise TimeIsUpError
        return ray.get(self.reference)


def _what_happened(error: Exception) -> str:
    from ray.exceptions import OutOfMemoryError, WorkerCrashedError

    text = " ".join(str(error).split())
    if isinstance(error, OutOfMemoryError):
        return f"its Ray worker was killed, as memory ran out: {text[:500]}"
    if isinstance(error, WorkerCrashedError):
        return "its Ray worker died before the task had ended"
    return f"the Ray cluster gave no answer: {type(error).__name__}: {text[:500]}"
