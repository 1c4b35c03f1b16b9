"""Functions that options of tasks can be given: `alisio.tasks` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Make delays that double: for `@task(retries=3, retry_delay_seconds=exponential_backoff(10))`.

    Args:
        backoff_factor: Seconds before the first retry.

    Returns:
        A function from the number of retries to the delays: 10, 20 and 40 seconds.
    """
    return lambda retries: [backoff_factor * 2**retry for retry in range(retries)]


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str:
    """Make a cache key of which task it is, its code, and its inputs: for `@task(cache_key_fn=task_input_hash)`.

    Args:
        context: The task run's, as key functions are given it.
        arguments: The inputs by name.

    Returns:
        32 hexadecimal digits.

    Raises:
        Exception: An input cannot be hashed.
    """
    from alisio.results.hashing import hash_of

    code = getattr(context.task.fn, "__code__", None)
    return hash_of((context.task.task_key, getattr(code, "co_code", b""), arguments))
