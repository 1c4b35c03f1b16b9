"""Receiving what is sent to a flow run, one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from alisio.client import Client, open_client
from alisio.context import current_flow_run
from alisio.contract.base import Page
from alisio.contract.control import FlowRunInput, FlowRunInputQuery
from alisio.contract.ids import flow_run_id_of
from alisio.engine.effects import Block, Sleep
from alisio.engine.either import Core, awaited, either, run
from alisio.engine.pausing import known
from alisio.exceptions import ApiError, ApiUnreachableError, MissingContextError

T = TypeVar("T")


class InputReceiver(Generic[T]):
    """Gives what was and is sent to a run. It keeps its place: keep it, and go on with it.

    Args:
        build: Makes of what the server keeps what is given.
        key_prefix: Only what has it.
        flow_run_id: The run; None: the one whose code runs here.
        timeout: How many seconds to wait for each; None: for ever.
        poll_interval: How many seconds to let pass between looks.
        raise_timeout_error: Whether a loop raises `TimeoutError` when none comes in time, in place of ending.
        exclude_keys: Not those.

    Raises:
        MissingContextError: No run is named, and none runs here.
        ValueError: A time cannot be used.
    """

    def __init__(
        self,
        build: Callable[[FlowRunInput], T],
        key_prefix: str,
        flow_run_id: UUID | str | None,
        timeout: float | None,
        poll_interval: float,
        raise_timeout_error: bool,
        exclude_keys: Iterable[str] | None,
    ) -> None:
        here = current_flow_run.get()
        if flow_run_id is None and here is None:
            raise MissingContextError("there is no flow run here whose input could be received: give flow_run_id")
        if not poll_interval > 0:
            raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")
        self._own = here if flow_run_id is None or (here is not None and str(here.id) == str(flow_run_id)) else None
        self._flow_run_id = here.id if here is not None and self._own is not None else flow_run_id_of(flow_run_id)
        self._build = build
        self._prefix = f"{key_prefix}-"
        self._timeout = timeout
        self._poll_interval = poll_interval
        self._raise = raise_timeout_error
        self._excluded = sorted(set(exclude_keys or ()))
        self._cursor: str | None = None
        self._waiting: deque[FlowRunInput] = deque()

    def next(self) -> Any:
        """Give the next input, when it has come; in asynchronous code, to be awaited.

        Raises:
            TimeoutError: None has come in time.
            pydantic.ValidationError: What came is not of this kind.
        """
        return either(self._next())

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return run(self._next())
        except TimeoutError:
            if self._raise:
                raise
            raise StopIteration from None

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await awaited(self._next())
        except TimeoutError:
            if self._raise:
                raise
            raise StopAsyncIteration from None

    def _next(self) -> Core[T]:
        if not self._waiting:
            yield from self._wait()
        return self._build(self._waiting.popleft())

    def _wait(self) -> Core[None]:
        began = time.monotonic()
        client: Client = yield Block(open_client)
        try:
            if self._own is not None:
                yield from known(self._own.root)
            while True:
                page: Page[FlowRunInput] | None = yield Block(partial(self._look, client))
                if page is not None:
                    self._cursor = page.next_cursor
                    self._waiting.extend(page.items)
                if self._waiting:
                    return
                left = None if self._timeout is None else self._timeout - (time.monotonic() - began)
                if left is not None and left <= 0:
                    raise TimeoutError(f"no input came within {self._timeout:g} s")
                yield Sleep(self._poll_interval if left is None else min(self._poll_interval, left))
        finally:
            client.close()

    def _look(self, client: Client) -> Page[FlowRunInput] | None:
        """Ask for what has come; None where the server cannot be asked now, or does not know of a subflow yet."""
        query = FlowRunInputQuery(prefix=self._prefix, exclude_keys=self._excluded, cursor=self._cursor, limit=200)
        try:
            return client.filter_flow_run_inputs(self._flow_run_id, query)
        except ApiUnreachableError:
            return None
        except ApiError as error:
            unknown_yet = self._own is not None and error.code == "flow_run_not_found"
            if unknown_yet or error.status >= 500 or error.status == 429:
                return None
            raise
