"""Flows and tasks that yield: one attempt of a run whose function is a generator."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from typing import Any

from alisio.contract.states import StateType
from alisio.engine.base_run import Run
from alisio.engine.effects import Closed, Invoke, Produce, Steps, TimeIsUpError
from alisio.engine.rules import failed, timed_out
from alisio.engine.runs import TaskRun
from alisio.states import State

_SHORTEST_SECONDS = 1e-6


def generator_attempt(run: Run, invoke: Invoke) -> Steps:
    """Run the user's generator once, and hand out what it yields; or gather it, where nobody iterates.

    Returns:
        COMPLETED with what the generator returned, or with the list of what it yielded where that was gathered; or
        FAILED with the exception. A generator that was closed before its end has COMPLETED without a result.
    """
    source = invoke.function(*invoke.args, **invoke.kwargs)
    step = _step_async if run.definition.is_async else _step
    left = invoke.timeout
    gathered: list[Any] = []
    sent: Any = None
    thrown: BaseException | None = None
    while True:
        began = time.monotonic()
        try:
            ended, value = yield Invoke(step, (source, sent, thrown), {}, left)
        except TimeIsUpError:
            return timed_out(run, invoke.timeout)
        except Exception as error:
            return failed(run, error)
        sent, thrown = None, None
        if ended:
            return State(StateType.COMPLETED, None, None, value if run.streams else gathered, None, run.task_run_id)
        if left is not None:
            left = max(left - (time.monotonic() - began), _SHORTEST_SECONDS)
        if not run.streams:
            gathered.append(value)
            continue
        if isinstance(run, TaskRun) and run.flow_run is not None:
            run.flow_run.provenance.remember(value, run.id)
        try:
            sent = yield Produce(value)
        except Closed:
            run.streams = False  # nobody is there for another attempt
            return (yield from _closed(run, source))
        except BaseException as error:
            thrown = error


def _closed(run: Run, source: Any) -> Steps:
    try:
        yield Invoke(source.aclose if run.definition.is_async else source.close, (), {}, None)
    except Exception as error:
        return failed(run, error)
    return State(StateType.COMPLETED, None, "it was closed before its end", None, None, run.task_run_id)


def _step(source: Generator[Any, Any, Any], sent: Any, thrown: BaseException | None) -> tuple[bool, Any]:
    """Go on to the next value; tell whether it is what the generator has returned."""
    try:
        return False, source.send(sent) if thrown is None else source.throw(thrown)
    except StopIteration as end:
        return True, end.value


async def _step_async(source: AsyncGenerator[Any, Any], sent: Any, thrown: BaseException | None) -> tuple[bool, Any]:
    try:
        return False, await (source.asend(sent) if thrown is None else source.athrow(thrown))
    except StopAsyncIteration:
        return True, None
