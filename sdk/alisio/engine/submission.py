"""Submitting tasks: futures, and starting each task when what it depends on has ended."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any
from uuid import UUID

from alisio.context import current_flow_run, current_graph
from alisio.contract.states import StateType
from alisio.engine.arguments import futures_in
from alisio.engine.rules import aborted_state, identified
from alisio.engine.runs import FlowRun, TaskRun
from alisio.engine.task_rules import Prepared, inputs_to_take, prepare, task_steps
from alisio.exceptions import WorkerLostError
from alisio.futures import FutureList, TaskRunFuture
from alisio.states import State
from alisio.task_runners.base import TaskRunner
from alisio.task_runners.threads import ThreadPoolTaskRunner
from alisio.tasks import Task
from alisio.utilities.annotations import allow_failure, unmapped
from alisio.utilities.forks import whole_in_forks

_outside_of_flows: list[TaskRunner] = []
_making = whole_in_forks(threading.Lock())


def submit(
    task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], runner: TaskRunner | None = None
) -> Any:
    """Hand one run of a task to a task runner.

    Args:
        task: The task.
        args: For the function.
        kwargs: For the function, `return_state` and `wait_for` among them.
        runner: The task runner; by default that of the flow that runs here.

    Returns:
        The future; or, where `return_state` is true, the final state.

    Raises:
        ParameterError: The arguments don't fit.
    """
    if (graph := current_graph.get()) is not None:
        return graph.note(task, "submit", args, kwargs)
    return_state = kwargs.pop("return_state", False)
    wait_for = kwargs.pop("wait_for", None)
    future = _start(prepare(task, args, kwargs, wait_for), runner)
    if return_state:
        future.wait()
        return future.state
    return future


def submit_each(
    task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], runner: TaskRunner | None = None
) -> Any:
    """Submit one run of a task for each element of its arguments.

    Args:
        task: The task.
        args: For the function, each an iterable or a value for all runs.
        kwargs: Likewise, `return_state`, `wait_for` and `deferred` among them.
        runner: The task runner; by default that of the flow that runs here.

    Returns:
        The futures; or, where `return_state` is true, the final states.

    Raises:
        ValueError: No argument is iterable, or the lengths differ.
        ParameterError: The arguments don't fit.
    """
    if (graph := current_graph.get()) is not None:
        return graph.note(task, "map", args, kwargs)
    return_state = kwargs.pop("return_state", False)
    wait_for = kwargs.pop("wait_for", None)
    # A parameter of this name is older than the option.
    deferred = "deferred" not in task.signature.parameters and kwargs.pop("deferred", False)
    given = task.arguments(args, kwargs)
    sources = {name: source for name, value in given.items() if (source := _source_of(value)) is not None}
    calls = _calls(task, args, kwargs)
    if deferred:
        from alisio.background_lists import enqueue_each

        return enqueue_each(task, calls, wait_for, return_state=return_state)
    futures: FutureList[Any] = FutureList()
    for call_args, call_kwargs in calls:
        prepared = prepare(task, call_args, call_kwargs, wait_for)
        for name, source in sources.items():
            prepared.run.inputs.setdefault(name, []).append(source)
        futures.append(_start(prepared, runner))
    if return_state:
        futures.wait()
        return [future.state for future in futures]
    return futures


def _calls(
    task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Give the arguments of each run that is mapped over."""
    columns = [_elements(value) for value in (*args, *kwargs.values())]
    length = _common_length(task, [column for column in columns if isinstance(column, list)])
    rows = [[column[row] if isinstance(column, list) else column.value for column in columns] for row in range(length)]
    return [(tuple(row[: len(args)]), dict(zip(kwargs, row[len(args) :], strict=True))) for row in rows]


def _start(prepared: Prepared, runner: TaskRunner | None) -> TaskRunFuture[Any]:
    run = prepared.run
    if run.flow_run is not None and run.flow_run.root.pause_request is not None:
        from alisio.engine.pausing import pause_before_submitting

        pause_before_submitting(run.flow_run)
    future: TaskRunFuture[Any] = TaskRunFuture(run)
    run.note(StateType.PENDING)
    if not inputs_to_take(prepared):
        identified(run)
    if run.flow_run is not None:
        run.flow_run.futures.add(future)
        future.add_done_callback(run.flow_run.future_ended)
    runner = runner or _runner(run.flow_run)
    call = partial(copy_context().run, _execute, prepared, future, runner)
    _after(futures_in(prepared.found.values()), lambda: _hand_over(runner, call, future))
    return future


def _after(futures: list[TaskRunFuture[Any]], start: Callable[[], object]) -> None:
    """Start something when these futures have ended, without a thread that waits."""
    if not futures:
        start()
        return
    left = itertools.count(len(futures) - 1, -1)
    for future in futures:
        future.add_done_callback(lambda _: start() if next(left) == 0 else None)


def _hand_over(runner: TaskRunner, call: Callable[[], object], future: TaskRunFuture[Any]) -> None:
    if future.done():
        return
    try:
        runner.submit(call)
    except RuntimeError as error:
        future.abandon(State(StateType.CANCELLED, None, f"the task runner takes no more tasks: {error}"))
    except WorkerLostError as error:
        future.abandon(State(StateType.CRASHED, None, str(error), error))


def _execute(prepared: Prepared, future: TaskRunFuture[Any], runner: TaskRunner) -> None:
    if not future.begin():
        return
    try:
        state = runner.drive(prepared.run, task_steps(prepared))
    except BaseException as error:
        # It is recorded. Here ends the thread's work: whoever waits for the future is to hear of it.
        future.finish(aborted_state(prepared.run, error))
        if runner.runs_in_caller and not _is_own_exit(prepared.run, error):
            raise
    else:
        future.finish(state)


def _is_own_exit(run: TaskRun, error: BaseException) -> bool:
    """Tell whether a task's code has only ended itself; what else comes through it is meant for the flow as well."""
    if not isinstance(error, SystemExit):
        return type(error).__name__ == "CancelledError"
    root = None if run.flow_run is None else run.flow_run.root
    return root is None or not (root.cancel_requested or root.abort_reason)


def _runner(flow_run: FlowRun | None) -> TaskRunner:
    if flow_run is not None:
        return flow_run.task_runner
    with _making:
        if not _outside_of_flows:
            _outside_of_flows.append(ThreadPoolTaskRunner())
    return _outside_of_flows[0]


def _source_of(value: Any) -> UUID | None:
    """Tell which task run made what is mapped over; its elements do not know."""
    if isinstance(value, TaskRunFuture | State):
        return value.task_run_id
    flow_run = current_flow_run.get()
    return None if flow_run is None else flow_run.provenance.source_of(value)


def _elements(value: Any) -> list[Any] | unmapped[Any]:
    if isinstance(value, unmapped):
        return value
    if isinstance(value, allow_failure):
        elements = _elements(value.value)
        return [allow_failure(element) for element in elements] if isinstance(elements, list) else unmapped(value)
    if isinstance(value, TaskRunFuture | State):
        value = value.result()
    if isinstance(value, str | bytes | bytearray) or not hasattr(value, "__iter__"):
        return unmapped(value)
    return list(value)


def _common_length(task: Task[Any, Any], columns: list[list[Any]]) -> int:
    lengths = {len(column) for column in columns}
    if not lengths:
        raise ValueError(f"task {task.name!r}: map needs an argument that can be iterated over")
    if len(lengths) > 1:
        found = ", ".join(str(length) for length in sorted(lengths))
        raise ValueError(f"task {task.name!r}: the arguments to map over are of different lengths: {found}")
    return lengths.pop()
