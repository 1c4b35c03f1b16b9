"""Waiting for a condition, and not for time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def wait_until(
    condition: Callable[[], Answer], timeout: float = 60.0, what: str | Callable[[], str] = "the condition to hold"
) -> Answer:
    """Ask until the answer is true.

    Args:
        condition: What to ask, some 50 times a second.
        timeout: Seconds after which to give up.
        what: What is waited for; a function where finding the words costs something.

    Returns:
        The first answer that was true.

    Raises:
        AssertionError: There was none in time.
    """
    end = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain for {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
    return answer
