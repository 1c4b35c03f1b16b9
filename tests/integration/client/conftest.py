"""The public clients, one that blocks and one that is awaited, without a server and with one over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alisio import get_client
from alisio.settings import Settings, current_settings
from tests.integration.server.conftest import end, start

Scenario = Callable[[Any], Awaitable[None]]
Play = Callable[[Scenario], None]


class Awaitables:
    """The client that blocks, with methods that can be awaited, so that one scenario is for both."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        async def method(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._client, name)(*args, **kwargs)

        return method


@pytest.fixture(params=["embedded", "http"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """The settings of a home where nothing is yet, with or without a server."""
    if request.param == "embedded":
        yield current_settings({"ALISIO_HOME": str(tmp_path)})
        return
    server = start(tmp_path, f"sqlite:///{tmp_path}/alisio.db")
    try:
        yield current_settings({"ALISIO_HOME": str(tmp_path), "ALISIO_API_URL": server.url})
    finally:
        end(server)


@pytest.fixture(params=["sync", "async"])
def play(request: pytest.FixtureRequest, settings: Settings) -> Play:
    """Play a scenario with one of the clients."""

    async def awaiting(scenario: Scenario) -> None:
        async with get_client(settings) as client:
            assert settings.api_url == client.api_url
            await scenario(client)

    async def blocking(scenario: Scenario) -> None:
        with get_client(settings, sync_client=True) as client:
            assert settings.api_url == client.api_url
            await scenario(Awaitables(client))

    def played(scenario: Scenario) -> None:
        asyncio.run((awaiting if request.param == "async" else blocking)(scenario))

    return played
