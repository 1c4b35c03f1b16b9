"""The API over ASGI: an event loop in front, worker threads behind, and long polls that hold neither.

The routes answer one event at a time, as a Lambda environment does, since the resolver keeps the event in hand on its
class: more than one thread is of use where requests wait before or after that. What waits for a wake-up waits in the
event loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from alisio.contract.artifact_data import MAX_ARTIFACT_DATA_BYTES
from alisio.contract.base import ErrorBody
from alisio.contract.deployments import MAX_BUNDLE_BYTES
from alisio_server.adapters.laptop.bells import Bells
from alisio_server.app import Api
from alisio_server.events import Event, HttpAnswer, to_answer, to_event
from alisio_server.routes.waiting import Wait, asked_to_wait

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY_BYTES = 5_000_000
# A client that is cut off while it sends sees a broken connection and not the answer, so a body that is too
# large is read to its end, up to this.
_MAX_DRAINED_BYTES = 64_000_000
_CONTENT = re.compile(r"/api/(bundles|artifact-data)/[^/]+/content")
_MAX_CONTENT_BYTES = {"bundles": MAX_BUNDLE_BYTES, "artifact-data": MAX_ARTIFACT_DATA_BYTES}


class _ClientLeftError(Exception):
    """The client closed the connection before it sent all of its request."""


class AsgiApp:
    """An ASGI application around the API.

    Args:
        api: Answers events.
        bells: What long polls wait on.
        threads: How many requests may be in hand; what waits for the database's disk leaves the routes to others.
    """

    def __init__(self, api: Api, bells: Bells, threads: int = 1) -> None:
        self._api = api
        self._bells = bells
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="alisio-api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection's scope: HTTP requests, and the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self._workers.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        limit, refusal = MAX_BODY_BYTES, None
        if scope["method"] == "PUT" and (content := _CONTENT.fullmatch(_raw_path(scope))):
            # So much is kept in memory only for those who may send it: what the gate knows as that very route.
            limit = _MAX_CONTENT_BYTES[content[1]]
            refusal = await loop.run_in_executor(self._workers, self._refuse, _event_of(scope, b""))
        try:
            body = await _read_body(receive, 0 if refusal else limit)
        except _ClientLeftError:
            return
        if refusal is not None or body is None:
            await _send(send, refusal or _too_large(limit), with_body=True)
            return
        answer = await loop.run_in_executor(self._workers, self._answer, _event_of(scope, body))
        wait = asked_to_wait(answer)
        if wait is not None:
            waited = await self._wait(wait, receive)
            if waited is None:
                return
            answer = waited
        await _send(send, answer, with_body=scope["method"] != "HEAD")

    def _refuse(self, event: Event) -> HttpAnswer | None:
        refusal = self._api.refuse(event)
        return None if refusal is None else to_answer(refusal)

    def _answer(self, event: Event) -> HttpAnswer:
        return to_answer(self._api.resolve(event))

    async def _wait(self, wait: Wait, receive: Receive) -> HttpAnswer | None:
        """Wait for a wake-up, but no longer than the client does; None once it has left."""
        ringing = asyncio.ensure_future(self._bells.wait(wait.queue_ids, wait.after, wait.seconds))
        leaving = asyncio.ensure_future(_until_left(receive))
        try:
            await asyncio.wait((ringing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not ringing.done():
                return None
            body = ringing.result().model_dump_json().encode()
            return HttpAnswer(200, {"content-type": "application/json"}, body)
        finally:
            ringing.cancel()
            leaving.cancel()
            await asyncio.gather(ringing, leaving, return_exceptions=True)


def _event_of(scope: Scope, body: bytes) -> Event:
    client = scope.get("client")
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return to_event(
        method=scope["method"],
        path=_raw_path(scope),
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        source_ip=client[0] if client else "",
    )


def _raw_path(scope: Scope) -> str:
    raw_path: bytes = scope["raw_path"]
    return raw_path.decode("latin-1").partition("?")[0]


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """Read a request's body; None if it is larger than the limit.

    Raises:
        _ClientLeftError: The client closed the connection.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeftError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        else:
            parts.clear()
            if size > max(limit, _MAX_DRAINED_BYTES):
                return None
        if not message.get("more_body", False):
            return b"".join(parts) if size <= limit else None


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, answer: HttpAnswer, *, with_body: bool) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    if answer.status == 204:
        del headers["content-length"]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})


def _too_large(limit: int) -> HttpAnswer:
    body = ErrorBody(code="body_too_large", message=f"a body here may have {limit:,} bytes")
    return HttpAnswer(413, {"content-type": "application/json"}, body.model_dump_json().encode())
