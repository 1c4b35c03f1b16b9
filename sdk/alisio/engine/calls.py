"""Calling flows and tasks: from a call to the rules, to a driver, to the result."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any, TypeVar, cast

from alisio.context import current_flow_run, current_graph
from alisio.engine.definition import Definition
from alisio.engine.drivers import drive, drive_async, generate, generate_async
from alisio.engine.entrypoints import is_loading
from alisio.engine.flow_rules import flow_steps, new_flow_run
from alisio.engine.reporter import open_recording
from alisio.engine.runs import FlowRun
from alisio.engine.task_rules import Prepared, prepare, task_steps
from alisio.flows import Flow
from alisio.states import State
from alisio.tasks import Task

T = TypeVar("T")


def call_flow(flow: Flow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a flow because user code called it.

    Args:
        flow: The flow.
        args: As given to it.
        kwargs: As given to it, `return_state` and `wait_for` among them.

    Returns:
        The result, or the state where `return_state` is true; for an asynchronous flow an awaitable of that. For one
        that yields a generator, unless the state is wanted. Nothing while the flow's file is only being loaded: a
        call without a `__main__` guard runs nothing then.

    Raises:
        ParameterError: The arguments don't fit.
        Exception: What the flow raised.
    """
    if (graph := current_graph.get()) is not None:
        return graph.note(flow, "call", args, kwargs)
    return_state = kwargs.pop("return_state", False)
    wait_for = kwargs.pop("wait_for", None)
    if is_loading():
        return _not_now(flow)
    parameters = flow.arguments(args, kwargs)
    if flow.is_generator and not return_state:
        iterate = _iterate_flow_async if flow.is_async else _iterate_flow
        return iterate(flow, parameters, wait_for)
    if flow.is_async:
        return _named(_await_flow(flow, parameters, wait_for, return_state), flow)
    run = _recorded(flow, parameters)
    with _until_terminated(run):
        state = drive(flow_steps(run, wait_for))
    return state if return_state else state.result()


def call_task(task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a task because user code called it.

    Args:
        task: The task.
        args: As given to it.
        kwargs: As given to it, `return_state` and `wait_for` among them.

    Returns:
        The result, or the state where `return_state` is true; for an asynchronous task an awaitable of that. For one
        that yields a generator, unless the state is wanted.

    Raises:
        ParameterError: The arguments don't fit.
        Exception: What the task raised.
    """
    if (graph := current_graph.get()) is not None:
        return graph.note(task, "call", args, kwargs)
    return_state = kwargs.pop("return_state", False) if kwargs else False
    wait_for = kwargs.pop("wait_for", None) if kwargs else None
    prepared = prepare(task, args, kwargs, wait_for)
    if task.is_generator and not return_state:
        prepared.run.streams = True
        return generate_async(task_steps(prepared)) if task.is_async else _iterate_task(prepared)
    if task.is_async:
        return _named(_await_task(prepared, return_state), task)
    state = drive(task_steps(prepared))
    return state if return_state else state.result()


async def _await_flow(flow: Flow[Any, Any], parameters: dict[str, Any], wait_for: Any, return_state: bool) -> Any:
    run = _recorded(flow, parameters)
    with _until_terminated(run):
        state = await drive_async(flow_steps(run, wait_for))
    return state if return_state else await state.aresult()


async def _await_task(prepared: Prepared, return_state: bool) -> Any:
    state: State[Any] = await drive_async(task_steps(prepared))
    return state if return_state else await state.aresult()


def _named(coroutine: Coroutine[Any, Any, T], definition: Definition) -> Coroutine[Any, Any, T]:
    """Have Python say which flow or task it is, where it warns that nobody has awaited it."""
    cast(Any, coroutine).__qualname__ = f"{definition.kind} {definition.name}"
    return coroutine


def _iterate_flow(flow: Flow[Any, Any], parameters: dict[str, Any], wait_for: Any) -> Generator[Any, Any, Any]:
    run = _recorded(flow, parameters)
    run.streams = True
    with _until_terminated(run):
        state = yield from generate(flow_steps(run, wait_for))
    return state.result()


async def _iterate_flow_async(
    flow: Flow[Any, Any], parameters: dict[str, Any], wait_for: Any
) -> AsyncGenerator[Any, Any]:
    run = _recorded(flow, parameters)
    run.streams = True
    with _until_terminated(run):
        async with aclosing(generate_async(flow_steps(run, wait_for))) as values:
            async for value in values:
                yield value


def _iterate_task(prepared: Prepared) -> Generator[Any, Any, Any]:
    state = yield from generate(task_steps(prepared))
    return state.result()


def _recorded(flow: Flow[Any, Any], parameters: dict[str, Any]) -> FlowRun:
    if current_flow_run.get() is not None:
        return new_flow_run(flow, parameters, None)
    recording = open_recording()
    run = new_flow_run(flow, parameters, recording.outbox, recording.settings)
    recording.outbox.open(run)
    return run


def _until_terminated(run: FlowRun) -> AbstractContextManager[None]:
    if run.root is not run:
        return nullcontext()
    from alisio.engine.termination import Terminable

    return Terminable(run)


def _not_now(flow: Flow[Any, Any]) -> Any:
    warnings.warn(
        f"flow {flow.name!r} was called while its file was being loaded, and was not run; "
        'put the call under `if __name__ == "__main__":`',
        stacklevel=4,
    )
    if flow.is_generator:
        return _no_values() if flow.is_async else iter(())
    return _nothing() if flow.is_async else None


async def _nothing() -> None:
    """Stand for an asynchronous flow that is not to be run."""


async def _no_values() -> AsyncGenerator[Any, Any]:
    """Stand for an asynchronous flow that yields and is not to be run."""
    nothing: tuple[Any, ...] = ()
    for value in nothing:
        yield value
