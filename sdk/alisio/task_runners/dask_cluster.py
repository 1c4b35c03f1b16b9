"""What runs on a Dask cluster: the scheduler's plugin, and the function that its workers call."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from distributed import get_worker
from distributed.diagnostics.plugin import SchedulerPlugin

from alisio.engine.remote.jobs import Job
from alisio.engine.remote.worker import Answer, Frame, execute
from alisio.engine.timeouts import raise_in_thread
from alisio.exceptions import TerminationSignal

PREFIX = "alisio-"
"""What the keys of our tasks begin with."""

TAIL = 200
"""How many frames come with the answer as well, which may arrive before the last of them."""

_threads: dict[str, int] = {}
"""The threads that the jobs of this worker run in."""

_over: deque[str] = deque(maxlen=1_000)
"""The latest jobs that are not to run here any more: some of them may be on their way to this worker."""


class OneTry(SchedulerPlugin):  # type: ignore[misc]  # it is not typed
    """Has the scheduler run no task of ours a second time when its worker dies: it may have done half of its work."""

    name = "alisio-one-try"
    idempotent = True

    async def start(self, scheduler: Any) -> None:
        """Know the scheduler."""
        self._scheduler = scheduler

    def transition(self, key: Any, start: Any, finish: Any, *args: Any, **kwargs: Any) -> None:
        """Count a task that goes to a worker as one whose workers have died as often as they may."""
        if finish == "processing" and isinstance(key, str) and key.startswith(PREFIX):
            task = self._scheduler.tasks.get(key)
            if task is not None:
                task.suspicious = max(task.suspicious, self._scheduler.allowed_failures)


def work(flow: bytes, task: bytes, call: bytes, topic: str, job_id: str) -> tuple[Answer, list[tuple[int, Frame]]]:
    """Do a job.

    Args:
        flow: See `Job`.
        task: See there.
        call: See there.
        topic: The topic of the events by which the flow's process hears of it.
        job_id: Which job it is.

    Returns:
        The answer; and the last frames with their numbers, as they may not have arrived.
    """
    worker = get_worker()
    tail: deque[tuple[int, Frame]] = deque(maxlen=TAIL)

    def emit(frame: Frame) -> None:
        number = tail[-1][0] + 1 if tail else 1
        tail.append((number, frame))
        worker.log_event(topic, {"job": job_id, "number": number, "frame": frame})

    _threads[job_id] = threading.get_ident()
    try:
        if job_id in _over:
            raise TerminationSignal
        worker.log_event(topic, {"job": job_id, "number": 0})
        answer = execute(Job(flow, task, call), emit)
    finally:
        del _threads[job_id]
    return answer, list(tail)


async def interrupt(job_ids: list[str]) -> None:
    """Stop those of these jobs that run on this worker, or will: their flow run has ended."""
    _over.extend(job_ids)
    for job_id in job_ids:
        thread = _threads.get(job_id)
        if thread is not None:
            raise_in_thread(thread, TerminationSignal)
