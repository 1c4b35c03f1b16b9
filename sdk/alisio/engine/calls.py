"""Calling flows and tasks: from a call to the rules, to a driver, to the result."""

from __future__ import annotations

import warnings
from typing import Any

from alisio.context import current_flow_run
from alisio.engine.drivers import drive, drive_async
from alisio.engine.entrypoints import is_loading
from alisio.engine.flow_rules import flow_steps, new_flow_run
from alisio.engine.reporter import open_recording
from alisio.engine.runs import FlowRun
from alisio.engine.task_rules import Prepared, prepare, task_steps
from alisio.flows import Flow
from alisio.results.reference import StoredResult
from alisio.states import State
from alisio.tasks import Task


def call_flow(flow: Flow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a flow because user code called it.

    Args:
        flow: The flow.
        args: As given to it.
        kwargs: As given to it, `return_state` and `wait_for` among them.

    Returns:
        The result, or the state where `return_state` is true; for an asynchronous flow an awaitable of that. None
        while the flow's file is only being loaded: a call without a `__main__` guard runs nothing then.

    Raises:
        ParameterError: The arguments don't fit.
        Exception: What the flow raised.
    """
    return_state = kwargs.pop("return_state", False)
    wait_for = kwargs.pop("wait_for", None)
    if is_loading():
        return _not_now(flow)
    parameters = flow.arguments(args, kwargs)
    if flow.is_async:
        return _await_flow(flow, parameters, wait_for, return_state)
    state = drive(flow_steps(_recorded(flow, parameters), wait_for))
    return state if return_state else state.result()


def call_task(task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a task because user code called it.

    Args:
        task: The task.
        args: As given to it.
        kwargs: As given to it, `return_state` and `wait_for` among them.

    Returns:
        The result, or the state where `return_state` is true; for an asynchronous task an awaitable of that.

    Raises:
        ParameterError: The arguments don't fit.
        Exception: What the task raised.
    """
    return_state = kwargs.pop("return_state", False) if kwargs else False
    wait_for = kwargs.pop("wait_for", None) if kwargs else None
    prepared = prepare(task, args, kwargs, wait_for)
    if task.is_async:
        return _await_task(prepared, return_state)
    state = drive(task_steps(prepared))
    return state if return_state else state.result()


async def _await_flow(flow: Flow[Any, Any], parameters: dict[str, Any], wait_for: Any, return_state: bool) -> Any:
    state = await drive_async(flow_steps(_recorded(flow, parameters), wait_for))
    return state if return_state else await _result_of(state)


async def _await_task(prepared: Prepared, return_state: bool) -> Any:
    state: State[Any] = await drive_async(task_steps(prepared))
    return state if return_state else await _result_of(state)


async def _result_of(state: State[Any]) -> Any:
    if type(state.data) is not StoredResult:
        return state.result()
    import asyncio

    return await asyncio.to_thread(state.result)


def _recorded(flow: Flow[Any, Any], parameters: dict[str, Any]) -> FlowRun:
    if current_flow_run.get() is not None:
        return new_flow_run(flow, parameters, None)
    recording = open_recording()
    run = new_flow_run(flow, parameters, recording.outbox, recording.settings)
    recording.outbox.open(run)
    return run


def _not_now(flow: Flow[Any, Any]) -> Any:
    warnings.warn(
        f"flow {flow.name!r} was called while its file was being loaded, and was not run; "
        'put the call under `if __name__ == "__main__":`',
        stacklevel=4,
    )
    return _nothing() if flow.is_async else None


async def _nothing() -> None:
    """Stand for an asynchronous flow that is not to be run."""
