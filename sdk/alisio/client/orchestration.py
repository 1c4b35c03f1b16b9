"""The public clients of the API, one that is awaited and one that blocks.

    async with get_client() as client:
        runs = await client.read_flow_runs(limit=5)

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(limit=5)

Both work with a server over HTTP, and without one on the database of the settings, as everything else here does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Literal, TypeVar, cast, overload

from alisio.client.around_operations import AroundOperations
from alisio.client.asynchronous import AsyncTransport, open_async_transport
from alisio.client.calls.base import Call, read_answer
from alisio.client.deployment_operations import DeploymentOperations
from alisio.client.opening import open_transport
from alisio.client.operations import Steps
from alisio.client.run_operations import RunOperations
from alisio.client.transport import Transport
from alisio.client.work_operations import WorkOperations
from alisio.exceptions import AlisioError
from alisio.settings import Settings, current_settings

__all__ = ["AlisioClient", "SyncAlisioClient", "get_client"]

T = TypeVar("T")


class SyncAlisioClient(RunOperations, DeploymentOperations, WorkOperations, AroundOperations):
    """The API as methods that block; safe to use from several threads. Use it in a `with` block, or close it.

    Every method raises `ApiUnreachableError` where there is no answer, `ObjectNotFound` where something that is named
    is not there, and the other `ApiError`s.

    Args:
        settings: Which server, or which database; by default those that hold now.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._transport: Transport | None = None

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
        if transport is not None:
            transport.close()

    def run(self, steps: Steps[T]) -> T:
        """Make the calls that steps ask for, and give their value."""
        transport = self._open()
        step: Callable[[], Call[Any]] = partial(steps.send, None)
        while True:
            try:
                call = step()
            except StopIteration as end:
                return cast(T, end.value)
            try:
                step = partial(steps.send, read_answer(call, transport.send(call)))
            except AlisioError as error:
                step = partial(steps.throw, error)

    def _open(self) -> Transport:
        if self._transport is None:
            self._transport = open_transport(self._settings or current_settings())
        return self._transport


class AlisioClient(RunOperations, DeploymentOperations, WorkOperations, AroundOperations):
    """The API as methods that are awaited. Use it in an `async with` block, in one event loop.

    Over HTTP it never blocks the loop; without a server the database is worked on in a thread. What the methods raise
    is told in `SyncAlisioClient`.

    Args:
        settings: Which server, or which database; by default those that hold now.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._transport: AsyncTransport | None = None

    async def __aenter__(self) -> AlisioClient:
        self._transport = await open_async_transport(self._settings or current_settings())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transport, self._transport = self._opened(), None
        await transport.close()

    @property
    def api_url(self) -> str | None:
        """The server's address; None where it works on the database in this process."""
        return self._opened().api_url

    async def run(self, steps: Steps[T]) -> T:
        """Make the calls that steps ask for, and give their value."""
        transport = self._opened()
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

    def _opened(self) -> AsyncTransport:
        if self._transport is None:
            raise RuntimeError("this client is not open: use it within `async with get_client() as client:`")
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
        The client, to be used in an `async with` or a `with` block. It connects there.
    """
    return SyncAlisioClient(settings) if sync_client else AlisioClient(settings)
