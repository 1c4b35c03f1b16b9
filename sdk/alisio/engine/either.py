"""Functions that block where code is synchronous, and are awaited where it is not: one core, driven either way."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

from alisio.context import current_flow_run, current_task_run
from alisio.engine.drivers import drive, drive_async
from alisio.engine.effects import Block, Effect

T = TypeVar("T")
Core = Generator[Effect, Any, T]
"""Steps that ask for effects, and give a value of this type."""


def either(core: Core[T]) -> Any:
    """Run steps here, or give what is to be awaited.

    Args:
        core: The steps.

    Returns:
        Their value; or, where an asynchronous run's code, or a running event loop outside of runs, has called, an
        awaitable of it.
    """
    return awaited(core) if must_be_awaited() else run(core)


def blocking(function: Callable[[], T]) -> Core[T]:
    """Make the steps of something that takes its time, such as a request."""
    return cast(T, (yield Block(function)))


def must_be_awaited() -> bool:
    """Tell whether the code here is asynchronous: that of its run, or else of the event loop of this thread."""
    here = current_task_run.get() or current_flow_run.get()
    if here is not None:
        return here.definition.is_async
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run(core: Core[T]) -> T:
    """Run steps to their end in this thread."""
    return cast(T, drive(cast(Any, core)))


async def awaited(core: Core[T]) -> T:
    """Run steps to their end in this event loop."""
    return cast(T, await drive_async(cast(Any, core)))
