"""The drivers: they perform the effects that the rules ask for, by blocking or by awaiting.

A run whose function is a generator is driven by `generate` or `generate_async`, which stop wherever it yields.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextvars import copy_context
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

from alisio.context import swap_variables
from alisio.contract.states import StateType
from alisio.engine.effects import Block, Call, Closed, Effect, Invoke, Produce, Sleep, Steps, TimeIsUpError
from alisio.states import State

T = TypeVar("T")


def drive(steps: Steps) -> State[Any]:
    """Run the rules to their end in this thread.

    Returns:
        The run's final state.

    Raises:
        BaseException: The run was aborted (a keyboard interrupt, a system exit, a termination).
    """
    end: State[Any] = _advance(steps, None, None)
    return end


async def drive_async(steps: Steps) -> State[Any]:
    """Run the rules to their end in this event loop.

    Returns:
        The run's final state.

    Raises:
        BaseException: The run was aborted (a cancelled task, a keyboard interrupt, a system exit).
    """
    end: State[Any] = await _advance_async(steps, None, None)
    return end


def generate(steps: Steps) -> Generator[Any, Any, State[Any]]:
    """Run the rules to their end, while somebody iterates over what the run produces.

    Yields:
        What the run produces.

    Returns:
        The run's final state.

    Raises:
        Exception: What the run's code raised as it was closed.
        BaseException: The run was aborted.
    """
    # The run's own: between two values, whoever iterates is not within the run.
    context = copy_context()
    answer, error = None, None
    while isinstance(reached := context.run(_advance, steps, answer, error), Produce):
        try:
            answer, error = (yield reached.value), None
        except BaseException as thrown:
            answer, error = None, Closed() if isinstance(thrown, GeneratorExit) else thrown
    end: State[Any] = reached
    if isinstance(error, Closed) and end.type is not StateType.COMPLETED:
        end.result()  # who has closed it is given no state
    return end


async def generate_async(steps: Steps) -> AsyncGenerator[Any, Any]:
    """Run the rules to their end in this event loop, while somebody iterates over what the run produces.

    Yields:
        What the run produces.

    Raises:
        Exception: What the run's code raised.
        BaseException: The run was aborted.
    """
    inside: tuple[Any, ...] | None = None
    answer, error = None, None
    while True:
        outside = swap_variables(inside)
        try:
            reached = await _advance_async(steps, answer, error)
        finally:
            inside = swap_variables(outside)
        if not isinstance(reached, Produce):
            break
        try:
            answer, error = (yield reached.value), None
        except BaseException as thrown:
            answer, error = None, Closed() if isinstance(thrown, GeneratorExit) else thrown
    if reached.type is not StateType.COMPLETED:
        reached.result()


def _advance(steps: Steps, answer: Any, error: BaseException | None) -> Any:
    """Go on until the run produces a value, or ends; give that effect, or the state."""
    try:
        effect = steps.send(answer) if error is None else steps.throw(error)
        while type(effect) is not Produce:
            try:
                answer = _perform(effect)
            except BaseException as problem:
                effect = steps.throw(problem)
            else:
                effect = steps.send(answer)
        return effect
    except StopIteration as end:
        return end.value


async def _advance_async(steps: Steps, answer: Any, error: BaseException | None) -> Any:
    """Go on until the run produces a value, or ends; give that effect, or the state."""
    try:
        effect = steps.send(answer) if error is None else steps.throw(error)
        while type(effect) is not Produce:
            try:
                answer = await _perform_async(effect)
            except BaseException as problem:
                effect = steps.throw(problem)
            else:
                effect = steps.send(answer)
        return effect
    except StopIteration as end:
        return end.value


def _perform(effect: Effect) -> Any:
    if isinstance(effect, Invoke):
        if effect.timeout is None:
            return effect.function(*effect.args, **effect.kwargs)
        from alisio.engine.timeouts import limited_to

        with limited_to(effect.timeout):
            return effect.function(*effect.args, **effect.kwargs)
    if isinstance(effect, Call):
        outcome = effect.function(*effect.args)
        return run_coroutine(outcome) if iscoroutine(outcome) else outcome
    if isinstance(effect, Sleep):
        return time.sleep(effect.seconds)
    if isinstance(effect, Block):
        return effect.function()
    assert not isinstance(effect, Produce)
    for future in effect.futures:
        future.wait()
    return None


async def _perform_async(effect: Effect) -> Any:
    import asyncio

    if isinstance(effect, Invoke):
        if effect.timeout is None:
            return await effect.function(*effect.args, **effect.kwargs)
        try:
            async with asyncio.timeout(effect.timeout) as limit:
                return await effect.function(*effect.args, **effect.kwargs)
        except TimeoutError as error:
            if limit.expired():
                raise TimeIsUpError from error
            raise
    if isinstance(effect, Call):
        outcome = effect.function(*effect.args)
        return await outcome if isawaitable(outcome) else outcome
    if isinstance(effect, Sleep):
        return await asyncio.sleep(effect.seconds)
    if isinstance(effect, Block):
        if effect.coroutine is not None:
            return await effect.coroutine()
        return await asyncio.to_thread(effect.function)
    assert not isinstance(effect, Produce)
    for future in effect.futures:
        await future.wait_async()
    return None


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from code that is not asynchronous, whether or not a loop runs in this thread."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop_runs = False
    else:
        loop_runs = True
    if not loop_runs:  # not where the exception is caught: it would stand in the traceback of whatever fails
        return asyncio.run(coroutine)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="alisio-loop") as pool:
        return pool.submit(copy_context().run, asyncio.run, coroutine).result()
