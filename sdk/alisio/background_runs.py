"""Running a task that was asked for in the background: what the worker's process does."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

from alisio.background import load_task
from alisio.background_futures import BackgroundFuture, with_futures
from alisio.client.shared import shared_client
from alisio.context import current_flow_run
from alisio.contract.runs import TaskRunFilter, TaskRunQuery
from alisio.engine.places import key_of_attempt
from alisio.engine.runs import FlowRun
from alisio.exceptions import ApiError, ApiUnreachableError, MissingResultError
from alisio.flows import Flow
from alisio.logging import get_run_logger
from alisio.results.background import Arguments, forget, read_arguments, store_failure
from alisio.results.store import ResultRecord, ResultStore
from alisio.states import State
from alisio.tasks import Task

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
_AWAY_SECONDS = 5.0
"""How long to wait before a server, or a store, is asked again that did not answer."""

_STORE_TRIES = 6
"""How often a store is asked again for the arguments of a task, until that has failed."""


class TaskFlow(Flow[P, R]):
    """A flow around one task, whose runs begin with the retries that their deployment says."""

    def retry_facts(self) -> dict[str, Any]:
        """Say nothing of retries: only the task knows, and that is still to be loaded."""
        return {}


def _run_task(entrypoint: str, arguments: str) -> Any:
    """Run a task with arguments that were stored.

    Args:
        entrypoint: Where it is: `path/to/file.py:task`, relative to the working folder.
        arguments: The key under which they are stored.

    Returns:
        What the task returned.
    """
    run = cast(FlowRun, current_flow_run.get())
    try:
        task = load_task(entrypoint, Path.cwd())
        _retried(run, task.retries)
        return _result_of(run, task, arguments)
    except Exception as error:
        store_failure(arguments, error)
        # The task has had its retries: those of the run are for attempts that never came so far.
        _retried(run, run.job.get("retries_used", 0))
        raise


def _forget(_flow: object, flow_run: Any, _state: object) -> None:
    """Remove the arguments of a task that has COMPLETED: an attempt that follows takes the result."""
    forget(flow_run.parameters["arguments"])


run_task = TaskFlow(_run_task, name="run-task", persist_result=True, on_completion=[_forget])
"""What the deployments of background tasks run."""


def _retried(run: FlowRun, retries: int) -> None:
    """Have the server begin a run again this often, counted from its first attempt."""
    if run.supervised and run.outbox is not None:
        run.retry_facts = {"retries": retries}
        run.outbox.tell_facts()


def _result_of(run: FlowRun, task: Task[..., Any], arguments: str) -> Any:
    from alisio.engine.drivers import run_coroutine

    try:
        given = _given(arguments)
    except MissingResultError:
        # The attempt before has removed them, and was cut off before that was known; or a person retries the run.
        if (earlier := _earlier_result(run)) is None:
            raise
        return earlier.result
    args, kwargs, wait_for = (with_futures(each, _end_of) for each in given)
    if wait_for:
        kwargs = {**kwargs, "wait_for": wait_for}
    called = partial(task, *args, **kwargs, return_state=True)
    state: Any = run_coroutine(called()) if task.is_async else called()
    return state.result()


def _given(key: str) -> Arguments:
    """Read the arguments; the task has not begun, so a store that is away for a moment is no failure of it."""
    for _ in range(_STORE_TRIES):
        try:
            return read_arguments(key)
        except OSError as error:
            get_run_logger().warning("the arguments of the task cannot be read yet: %s", error)
            time.sleep(_AWAY_SECONDS)
    return read_arguments(key)


def _earlier_result(run: FlowRun) -> ResultRecord | None:
    store = ResultStore()
    keys = (key_of_attempt(run, attempt) for attempt in range(run.run_count - 1, 0, -1))
    return next((store.read(key) for key in keys if store.exists(key)), None)


def _end_of(future: BackgroundFuture[Any]) -> State[Any]:
    """Give how a background task has ended. It has already, unless a person has either of the two run again: then wait.

    A server that is away meanwhile is waited for.
    """
    while True:
        try:
            future.wait()
            state = future.state
            state.task_run_id = _task_run_of(future.flow_run_id)  # so that it is known as an input of this task
            return state
        except (ApiUnreachableError, ApiError) as error:
            if isinstance(error, ApiError) and error.status < 500 and error.status != 429:
                raise
            get_run_logger().warning("it waits for background task %s: %s", future.flow_run_id, error)
            time.sleep(_AWAY_SECONDS)


def _task_run_of(flow_run_id: UUID) -> UUID | None:
    """Find the task run of the last attempt of a background task; None where it never began."""
    wanted = TaskRunQuery(filter=TaskRunFilter(flow_run_ids=[flow_run_id]))
    begun = shared_client().filter_task_runs(wanted).items
    last = max((each.attempt for each in begun), default=0)
    # Those that it has called itself came after it.
    return next((each.id for each in begun if each.attempt == last), None)
