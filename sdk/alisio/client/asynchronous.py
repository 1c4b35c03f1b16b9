"""What carries calls to a server from an event loop: natively over HTTP, and in a thread to the database."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Protocol

from alisio.client.calls.base import Call, Reply, delay_before_retry
from alisio.client.discovery import find_server
from alisio.client.http import client_options, request_of, send_body_elsewhere, unreachable
from alisio.client.transport import Transport
from alisio.exceptions import ApiUnreachableError
from alisio.settings import Settings


class AsyncTransport(Protocol):
    """The way to a server from an event loop.

    Attributes:
        api_url: The server's address; None where it runs inside this process.
    """

    api_url: str | None

    async def send(self, call: Call[Any]) -> Reply:
        """Carry a call to the server and bring back its reply.

        Raises:
            ApiUnreachableError: There was no reply.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class AsyncHttpTransport:
    """Sends calls to `api_url` over connections that are kept alive; for one event loop.

    Args:
        api_url: The API's address.
        api_key: The API key to show it.
    """

    def __init__(self, api_url: str, api_key: str | None) -> None:
        from alisio.client.lean_httpx import httpx

        self.api_url: str | None = api_url
        self._base = api_url
        self._client = httpx.AsyncClient(**client_options(api_url, api_key))

    async def send(self, call: Call[Any]) -> Reply:
        """Send a call, again where that is safe and may help; see `AsyncTransport.send`."""
        if call.elsewhere is not None:
            return await asyncio.to_thread(send_body_elsewhere, call, call.elsewhere)
        failures = 0
        while True:
            reply, retry_after, failure = await self._try(call)
            if reply is not None and reply.status < 400:
                return reply
            failures += 1
            delay = delay_before_retry(call, failures, reply, retry_after)
            if delay is not None:
                await asyncio.sleep(delay * random.uniform(0.8, 1.2))
            elif reply is not None:
                return reply
            else:
                raise ApiUnreachableError(unreachable(self._base, failure)) from failure

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _try(self, call: Call[Any]) -> tuple[Reply | None, str | None, Exception | None]:
        from alisio.client.lean_httpx import httpx

        try:
            response = await self._client.request(**request_of(self._base, call))
        except httpx.InvalidURL as error:
            raise ApiUnreachableError(f"the API's address {self._base} cannot be read: {error}") from error
        except httpx.TransportError as error:
            return None, None, error
        return Reply(response.status_code, response.content), response.headers.get("Retry-After"), None


class ThreadedTransport:
    """Lets a transport that blocks do its work in a thread: the embedded server works on the database there."""

    def __init__(self, transport: Transport) -> None:
        self.api_url = transport.api_url
        self._transport = transport

    async def send(self, call: Call[Any]) -> Reply:
        """Carry a call; see `AsyncTransport.send`."""
        return await asyncio.to_thread(self._transport.send, call)

    async def close(self) -> None:
        """Close the transport."""
        await asyncio.to_thread(self._transport.close)


async def open_async_transport(settings: Settings) -> AsyncTransport:
    """Open the way to the server; which one that is tells `alisio.client.opening.open_transport`.

    Raises:
        ApiUnreachableError: The database cannot be used.
    """
    url = await asyncio.to_thread(find_server, settings)
    if url is not None:
        return AsyncHttpTransport(url, settings.api_key)
    from alisio.client.embedded import EmbeddedTransport

    return ThreadedTransport(await asyncio.to_thread(EmbeddedTransport, settings))
