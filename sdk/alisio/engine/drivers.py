"""The two drivers: they perform the effects that the rules ask for, one by blocking, one by awaiting."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from alisio.engine.effects import Block, Effect, Invoke, Sleep, Steps, TimeIsUpError
from alisio.states import State

T = TypeVar("T")


def drive(steps: Steps) -> State[Any]:
    """Run the rules to their end in this thread.

    Returns:
        The run's final state.

    Raises:
        BaseException: The run was aborted (a keyboard interrupt, a system exit, a termination).
    """
    try:
        effect = steps.send(None)
        while True:
            try:
                answer = _perform(effect)
            except BaseException as error:
                effect = steps.throw(error)
            else:
                effect = steps.send(answer)
    except StopIteration as end:
        state: State[Any] = end.value
        return state


async def drive_async(steps: Steps) -> State[Any]:
    """Run the rules to their end in this event loop.

    Returns:
        The run's final state.

    Raises:
        BaseException: The run was aborted (a cancelled task, a keyboard interrupt, a system exit).
    """
    try:
        effect = steps.send(None)
        while True:
            try:
                answer = await _perform_async(effect)
            except BaseException as error:
                effect = steps.throw(error)
            else:
                effect = steps.send(answer)
    except StopIteration as end:
        state: State[Any] = end.value
        return state


def _perform(effect: Effect) -> Any:
    if isinstance(effect, Invoke):
        if effect.timeout is None:
            return effect.function(*effect.args, **effect.kwargs)
        from alisio.engine.timeouts import limited_to

        with limited_to(effect.timeout):
            return effect.function(*effect.args, **effect.kwargs)
    if isinstance(effect, Sleep):
        return time.sleep(effect.seconds)
    if isinstance(effect, Block):
        return effect.function()
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
    if isinstance(effect, Sleep):
        return await asyncio.sleep(effect.seconds)
    if isinstance(effect, Block):
        return await asyncio.to_thread(effect.function)
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
    from contextvars import copy_context

    with ThreadPoolExecutor(1, thread_name_prefix="alisio-loop") as pool:
        return pool.submit(copy_context().run, asyncio.run, coroutine).result()
