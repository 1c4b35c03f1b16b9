"""What the rules ask of a driver: the only things in which sync and async differ."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from alisio.futures import TaskRunFuture
    from alisio.states import State


class TimeIsUpError(Exception):
    """A driver raises it into the rules when an `Invoke` took longer than its timeout."""


class Invoke(NamedTuple):
    """Call the user's function; its result is the answer.

    Attributes:
        timeout: In seconds; None: as long as it takes.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    timeout: float | None


class Sleep(NamedTuple):
    """Let this many seconds pass."""

    seconds: float


class Block(NamedTuple):
    """Call a function of ours that takes its time, such as one that writes to a disk; its result is the answer."""

    function: Callable[[], Any]


class Wait(NamedTuple):
    """Let these futures come to their end, one way or another."""

    futures: Sequence[TaskRunFuture[Any]]


Effect: TypeAlias = Invoke | Sleep | Block | Wait
Steps: TypeAlias = "Generator[Effect, Any, State[Any]]"
"""The rules of one run: effects on the way, its final state at the end."""
