"""The public clients of the API, one that is awaited and one that blocks.

    async with get_client() as client:
        runs = await client.read_flow_runs(limit=5)

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(limit=5)

Both work with a server over HTTP, and without one on the database of the settings, as everything else here does.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Literal, TypeVar, cast, overload

from alisio.client.around_operations import AroundOperations
from alisio.client.asynchronous import AsyncTransport, ThreadedTransport, open_async_transport
from alisio.client.calls.base import Call, read_answer
from alisio.client.deployment_operations import DeploymentOperations
from alisio.client.opening import open_transport
from alisio.client.operations import Steps, drive
from alisio.client.run_operations import RunOperations
from alisio.client.transport import Transport
from alisio.client.work_operations import WorkOperations
from alisio.exceptions import AlisioError
from alisio.settings import Settings, current_settings

__all__ = ["AlisioClient", "SyncAlisioClient", "get_client"]

T = TypeVar("T")
_clients: weakref.WeakSet[SyncAlisioClient | AlisioClient] = weakref.WeakSet()
_of_the_parent: list[Any] = []
"""What a fork has of its parent's connections: it does not even let go of them, as some say farewell then."""


class SyncAlisioClient(RunOperations, DeploymentOperations, WorkOperations, AroundOperations):
    """The API as methods that block; safe to use from several threads. Use it in a `with` block, or close it.

    It opens with its first call, and is closed at the latest when the program ends.

    Every method raises `ApiUnreachableError` where there is no answer, `ObjectNotFound` where something that is named
    is not there, and the other `ApiError`s.

    Args:
        settings: Which server, or which database; by default those that hold now.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._transport: Transport | None = None
        self._opening = threading.Lock()
        self._at_end: weakref.finalize[..., Any] | None = None
        _clients.add(self)

    def __enter__(self) -> SyncAlisioClient:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def api_url(self) -> str | None:
        """The server's address; None where it works on the database in this process."""
        return self._open().api_url

    def close(self) -> None:
        """Let go of connections. The next call opens them again."""
        transport, self._transport = self._transport, None
        at_end, self._at_end = self._at_end, None
        if at_end is not None:
            at_end.detach()
        if transport is not None:
            transport.close()

    def run(self, steps: Steps[T]) -> T:
        """Make the calls that steps ask for, and give their value."""
        transport = self._open()
        return drive(steps, lambda call: read_answer(call, transport.send(call)))

    def _open(self) -> Transport:
        with self._opening:
            if self._transport is None:
                self._transport = open_transport(self._settings or current_settings())
                self._at_end = weakref.finalize(self, self._transport.close)
            return self._transport


class AlisioClient(RunOperations, DeploymentOperations, WorkOperations, AroundOperations):
    """The API as methods that are awaited. Use it in an `async with` block, or close it.

    Within the block it belongs to one event loop, and over HTTP needs no threads. Without one it opens with its first
    call, works from any loop, and makes its calls in threads; it is closed at the latest when the program ends. Either
    way the loop is never blocked. What the methods raise is told in `SyncAlisioClient`.

    Args:
        settings: Which server, or which database; by default those that hold now.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._transport: AsyncTransport | None = None
        self._opening = threading.Lock()
        self._at_end: weakref.finalize[..., Any] | None = None
        _clients.add(self)

    async def __aenter__(self) -> AlisioClient:
        await self.close()
        self._transport = await open_async_transport(self._settings or current_settings())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def api_url(self) -> str | None:
        """The server's address; None where it works on the database in this process."""
        return self._open().api_url

    async def close(self) -> None:
        """Let go of connections. The next call opens them again."""
        transport, self._transport = self._transport, None
        at_end, self._at_end = self._at_end, None
        if at_end is not None:
            at_end.detach()
        if transport is not None:
            await transport.close()

    async def run(self, steps: Steps[T]) -> T:
        """Make the calls that steps ask for, and give their value."""
        transport = self._transport
        if transport is None:
            transport = await asyncio.to_thread(self._open)
        step: Callable[[], Call[Any]] = partial(steps.send, None)
        while True:
            try:
                call = step()
            except StopIteration as end:
                return cast(T, end.value)
            try:
                step = partial(steps.send, read_answer(call, await transport.send(call)))
            except AlisioError as error:
                step = partial(steps.throw, error)

    def _open(self) -> AsyncTransport:
        """Give the way to the server; one that is opened here belongs to no loop, as nobody says when that ends."""
        with self._opening:
            if self._transport is None:
                opened = open_transport(self._settings or current_settings())
                self._at_end = weakref.finalize(self, opened.close)
                self._transport = ThreadedTransport(opened)
            return self._transport


@overload
def get_client(settings: Settings | None = None, sync_client: Literal[False] = False) -> AlisioClient: ...
@overload
def get_client(settings: Settings | None = None, *, sync_client: Literal[True]) -> SyncAlisioClient: ...
def get_client(settings: Settings | None = None, sync_client: bool = False) -> AlisioClient | SyncAlisioClient:
    """Make a client to the server that the settings name: `ALISIO_API_URL`, a server of this machine, or none.

    Args:
        settings: In place of those that hold now.
        sync_client: Whether to give one that blocks.

    Returns:
        The client, to be used in an `async with` or a `with` block, or to be closed. It connects there, or with its
        first call.
    """
    return SyncAlisioClient(settings) if sync_client else AlisioClient(settings)


def _after_fork() -> None:
    """Have the clients that were opened before the fork open anew: two processes cannot share a connection."""
    for client in list(_clients):
        if client._at_end is not None:
            client._at_end.detach()
        _of_the_parent.append(client._transport)
        client._transport = client._at_end = None
        client._opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
