"""What the rules ask of a driver: the only things in which sync and async differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from alisio.futures import TaskRunFuture
    from alisio.states import State


class TimeIsUpError(Exception):
    """A driver raises it into the rules when an `Invoke` took longer than its timeout."""


class Closed(BaseException):  # it is no error
    """A driver raises it into the rules where a run produced a value and nobody wants another one.

    A `GeneratorExit` would not do: the rules, which are generators, could ask for nothing more then.
    """


class Invoke(NamedTuple):
    """Call the user's function; its result is the answer.

    Attributes:
        timeout: In seconds; None: as long as it takes.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    timeout: float | None


class Call(NamedTuple):
    """Call a function of the user's that goes with a run, such as a hook; what it gives is awaited where it can be."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


class Produce(NamedTuple):
    """Hand a value to whoever iterates over the run; what is sent back is the answer."""

    value: Any


class Sleep(NamedTuple):
    """Let this many seconds pass."""

    seconds: float


class Block(NamedTuple):
    """Call a function that takes its time, such as one that writes to a disk; its result is the answer.

    Attributes:
        function: What a synchronous driver calls; an asynchronous one calls it in a thread.
        coroutine: What an asynchronous driver awaits in its place, where there is such a thing.
    """

    function: Callable[[], Any]
    coroutine: Callable[[], Awaitable[Any]] | None = None


class Wait(NamedTuple):
    """Let these futures come to their end, one way or another."""

    futures: Sequence[TaskRunFuture[Any]]


Effect: TypeAlias = Invoke | Call | Produce | Sleep | Block | Wait
Steps: TypeAlias = "Generator[Effect, Any, State[Any]]"
"""The rules of one run: effects on the way, its final state at the end."""
