"""What the methods of the public clients are made of: one core for code that blocks and code that awaits.

An operation's core asks for calls, one after the other, and does no IO. `SyncAlisioClient` drives it in the thread
that asks, `AlisioClient` in the event loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from alisio.client.calls.base import Call
from alisio.contract.base import MAX_PAGE, Page
from alisio.exceptions import AlisioError

if TYPE_CHECKING:
    from alisio.client.orchestration import AlisioClient, SyncAlisioClient

P = ParamSpec("P")
T = TypeVar("T")
Steps = Generator[Call[Any], Any, T]
"""Steps that ask for calls to the API, and give a value of this type."""


class Operation(Generic[P, T]):
    """A method of both clients: it blocks on the one, and is awaited on the other.

    Args:
        core: Makes the steps from the method's arguments.
        described: What has the method's name, signature and docstring.
    """

    def __init__(self, core: Callable[P, Steps[T]], described: Callable[..., Any]) -> None:
        self.core = core
        self._described = described
        self.__doc__ = described.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Operation[P, T]: ...
    @overload
    def __get__(self, client: SyncAlisioClient, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AlisioClient, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Give the method of a client; the operation itself where a class is asked."""
        if client is None:
            return self

        @functools.wraps(self._described)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.run(self.core(*args, **kwargs))

        return method


def operation(function: Callable[Concatenate[Any, P], Steps[T]]) -> Operation[P, T]:
    """Make a method of both clients of a method that gives steps. It does not use its `self`."""
    return Operation(cast(Callable[P, Steps[T]], functools.partial(function, None)), function)


def route(call: Callable[P, Call[T]]) -> Operation[P, T]:
    """Make a method of both clients of one that makes a single call, with its signature and docstring."""

    def core(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        return (yield from ask(call(*args, **kwargs)))

    return Operation(core, call)


def ask(call: Call[T]) -> Steps[T]:
    """Make one call, and give its answer."""
    return cast(T, (yield call))


def drive(steps: Steps[T], answer: Callable[[Call[Any]], Any]) -> T:
    """Make the calls that steps ask for, and give their value.

    Args:
        steps: The steps.
        answer: Makes a call and gives its answer; an error that it raises is raised where the steps asked.
    """
    step: Callable[[], Call[Any]] = functools.partial(steps.send, None)
    while True:
        try:
            call = step()
        except StopIteration as end:
            return cast(T, end.value)
        try:
            step = functools.partial(steps.send, answer(call))
        except AlisioError as error:
            step = functools.partial(steps.throw, error)


def rows(page: Callable[[int, str | None], Call[Page[T]]], limit: int | None, offset: int = 0) -> Steps[list[T]]:
    """Read a listing page by page.

    Args:
        page: Makes the call for a page of so many rows that begins at a cursor.
        limit: How many rows to give at most; None: all.
        offset: How many rows to pass over. They are read too.

    Returns:
        The rows.

    Raises:
        ValueError: `limit` or `offset` is negative.
    """
    if offset < 0 or (limit is not None and limit < 0):
        raise ValueError(f"limit and offset are 0 or more, not {limit!r} and {offset!r}")
    found: list[T] = []
    cursor = None
    end = None if limit is None else offset + limit
    while end is None or len(found) < end:
        size = MAX_PAGE if end is None else min(end - len(found), MAX_PAGE)
        answer = yield from ask(page(size, cursor))
        found += answer.items
        cursor = answer.next_cursor
        # Listings that can be followed always have a cursor.
        if cursor is None or not answer.items:
            break
    return found[offset:end]
