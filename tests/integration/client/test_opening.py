"""Clients that nobody opens: they do it with their first call, and close when they are told to, or at the end."""

from __future__ import annotations

import asyncio
import gc
import os
import weakref
from typing import Any

import pytest

from alisio import get_client
from alisio.client.orchestration import AlisioClient
from alisio.settings import Settings


def test_the_awaited_client_opens_itself(settings: Settings) -> None:
    """Without `async with` it works, from several tasks and several event loops; closed, it opens again."""
    client = get_client(settings)

    async def greet() -> list[str]:
        answers = await asyncio.gather(*(client.hello() for _ in range(3)))
        return [answer.json() for answer in answers]

    assert ["ok"] * 3 == asyncio.run(greet()) == asyncio.run(greet())
    assert settings.api_url == client.api_url
    asyncio.run(client.close())
    assert ["ok"] * 3 == asyncio.run(greet())
    asyncio.run(client.close())


def test_it_is_closed_with_its_last_reference(settings: Settings) -> None:
    """One that is dropped lets go of its connections."""
    closed: list[Any] = []
    client: AlisioClient | None = get_client(settings)
    assert client is not None
    asyncio.run(client.hello())
    at_end = client._at_end
    assert isinstance(at_end, weakref.finalize)
    close = at_end.peek()[1]  # type: ignore[index]  # it is alive
    at_end.detach()
    client._at_end = weakref.finalize(client, lambda: closed.append(close()))
    client = None
    gc.collect()
    assert [None] == closed


def test_a_block_after_calls(settings: Settings) -> None:
    """One that has opened itself can be used in a block as well, and after it."""

    async def scenario() -> None:
        client = get_client(settings)
        await client.hello()
        async with client:
            assert 200 == (await client.hello()).status_code
        assert "ok" == (await client.hello()).text
        await client.close()

    asyncio.run(scenario())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_opens_its_own(settings: Settings) -> None:
    """Each process of a web application has its own connections, though the client was used before they forked."""
    with get_client(settings, sync_client=True) as client:
        client.hello()
        before = client._transport
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, client.hello().text.encode() if client._transport is None else b"the parent's")
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)

        assert b"ok" == os.read(reading, 100)
        assert ("ok", before) == (client.hello().text, client._transport)
        os.close(reading)
