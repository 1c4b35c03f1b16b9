"""A real back end in this process, and the two ways in which slots are held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alisio.client import Client
from alisio.client.shared import close_shared_clients
from alisio.concurrency import asyncio as for_async
from alisio.concurrency import sync as for_sync
from alisio.contract.limits import ConcurrencyLimitCreate


class Backend:
    """Looks at limits, and makes them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def limit(self, name: str, slots: int, **more: Any) -> None:
        """Make a named limit."""
        self.client.create_global_concurrency_limit(ConcurrencyLimitCreate(name=name, limit=slots, **more))

    def active(self, name: str) -> int:
        """Count the slots of a limit that are taken."""
        return self.client.read_global_concurrency_limit_by_name(name).active_slots


@pytest.fixture
def backend(own_client: Client) -> Iterator[Backend]:
    """The database of a home of this test, which this process works on itself."""
    yield Backend(own_client)
    close_shared_clients()


class Way:
    """Holds slots as synchronous or asynchronous code does, from the same words."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async

    def hold(self, names: Any, body: Callable[[], Any], **options: Any) -> Any:
        """Call a function while slots are held; between two looks at it an event loop goes on."""
        if not self.is_async:
            with for_sync.concurrency(names, **options):
                return body()
        return asyncio.run(self._hold(names, body, options))

    def hurry(self, names: Any, **options: Any) -> None:
        """Take slots of a limit of rate."""
        if self.is_async:
            asyncio.run(for_async.rate_limit(names, **options))
        else:
            for_sync.rate_limit(names, **options)

    def hold_until_stopped(self, names: Any, begin: Callable[[], Any], **options: Any) -> None:
        """Hold slots in code that never ends by itself."""

        async def endless() -> None:
            async with for_async.concurrency(names, **options):
                begin()
                await asyncio.Event().wait()

        if self.is_async:
            asyncio.run(endless())
            return
        with for_sync.concurrency(names, **options):
            begin()
            while True:
                pass

    @staticmethod
    async def _hold(names: Any, body: Callable[[], Any], options: dict[str, Any]) -> Any:
        async with for_async.concurrency(names, **options):
            return await asyncio.to_thread(body)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    """Both ways, one after the other."""
    return Way(request.param)
