"""The ASGI adapter, driven by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from alisio.contract.access import ApiKeyCreate, Role
from alisio.contract.work_pools import WorkPoolCreate
from alisio_server.adapters.laptop.asgi import MAX_BODY_BYTES, AsgiApp, Message
from alisio_server.adapters.laptop.bells import Bells
from alisio_server.app import Api
from alisio_server.orchestration import work_pools
from alisio_server.orchestration.api_keys import create_api_key
from alisio_server.services import Services


@pytest.fixture
def bells() -> Iterator[Bells]:
    """Bells that are closed after the test."""
    bells = Bells()
    yield bells
    bells.close()


@pytest.fixture
def app(services: Services, bells: Bells) -> AsgiApp:
    """The application, over a database with one work pool."""
    with services.transaction() as tx:
        work_pools.create_work_pool(tx, WorkPoolCreate(name="pool"))
    return AsgiApp(Api(services), bells)


def scope_of(method: str, path: str) -> dict[str, Any]:
    """Make the scope of a request."""
    raw = path.encode()
    return {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": raw,
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 9),
    }


async def end(app: AsgiApp) -> None:
    """Go through the end of the server's life, which ends the worker."""
    incoming: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(_message: Message) -> None:
        pass

    await app({"type": "lifespan"}, receive, send)


def test_a_client_that_leaves_its_long_poll_leaves_nothing(app: AsgiApp, bells: Bells) -> None:
    """When a client disconnects while it waits, the request ends without an answer and nobody waits any more."""

    async def scenario() -> list[Message]:
        left = asyncio.Event()
        body = json.dumps({"timeout_seconds": 60}).encode()
        incoming: list[Message] = [{"type": "http.request", "body": body}]
        sent: list[Message] = []

        async def receive() -> Message:
            if incoming:
                return incoming.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        request = asyncio.ensure_future(app(scope_of("POST", "/api/work-pools/pool/wake-ups"), receive, send))
        async with asyncio.timeout(10):
            while bells.waiting != 1:
                await asyncio.sleep(0.001)
            left.set()
            await request
        assert 1 == len(asyncio.all_tasks())
        await end(app)
        return sent

    assert ([], 0) == (asyncio.run(scenario()), bells.waiting)


def test_a_client_that_leaves_while_it_sends(app: AsgiApp) -> None:
    """A request that never comes to its end is not answered."""

    async def scenario() -> list[Message]:
        incoming: list[Message] = [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]
        sent: list[Message] = []

        async def receive() -> Message:
            return incoming.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope_of("POST", "/api/flows/filter"), receive, send)
        await end(app)
        return sent

    assert [] == asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/bundles/x/content"),
        ("GET", "/api/bundles/x/content"),
        ("PUT", "/api/bundles/x%2Fcontent"),
        ("POST", "/api/artifact-data/x/content"),
        ("PUT", "/api/artifacts/x/content"),
    ],
)
def test_only_the_route_of_bundles_takes_bodies_of_their_size(app: AsgiApp, method: str, path: str) -> None:
    """What merely looks like it is no way to fill the server's memory."""
    parts = [bytes(MAX_BODY_BYTES), b"x"]

    async def scenario() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope_of(method, path), receive, send)
        await end(app)
        return sent

    assert 413 == asyncio.run(scenario())[0]["status"]


def test_a_bundle_of_somebody_without_a_key_is_not_kept(app: AsgiApp, services: Services) -> None:
    """It is refused by its head: what is sent all the same is read to no end, and lies nowhere."""
    with services.transaction() as tx:
        create_api_key(tx, ApiKeyCreate(name="root", role=Role.ADMIN), "local")
    part: Message = {"type": "http.request", "body": bytes(1_000_000), "more_body": True}
    parts = 0

    async def scenario() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            nonlocal parts
            parts += 1
            return part

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope_of("PUT", f"/api/bundles/{'0' * 64}/content"), receive, send)
        await end(app)
        return sent

    assert 401 == asyncio.run(scenario())[0]["status"]
    assert 100 > parts
