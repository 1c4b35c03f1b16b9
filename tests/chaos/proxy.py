"""The road to the API: an HTTP proxy in front of all servers, which loses answers, refuses, and hangs."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

_END_OF_HEAD = b"\r\n\r\n"
_LARGEST_HEAD = 65_536


class Proxy:
    """Passes requests on to the servers by turns, over a connection of their own each.

    Args:
        port: Where it listens, on 127.0.0.1.
        servers: The ports of the servers.
        seed: Of what it draws.

    Attributes:
        path: Under which the servers have the API.
        refuses: It breaks every connection off.
        hangs: It answers nothing, and passes nothing on.
        loses: The share of requests whose answer is lost after the server has done what it was asked.
    """

    def __init__(self, port: int, servers: list[int], seed: int) -> None:
        self.port = port
        self.path = "/api"
        self.refuses = False
        self.hangs = False
        self.loses = 0.0
        self._servers = servers
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        """The API's address by this road."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def is_started(self) -> bool:
        """Whether it was started."""
        return self._started.is_set()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Listen no more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listening = asyncio.start_server(self._attend, "127.0.0.1", self.port, limit=_LARGEST_HEAD, backlog=500)
        self._loop.run_until_complete(listening)
        self._started.set()
        self._loop.run_forever()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The loop itself keeps none of them alive, and drops one that waits for who has gone.
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (request := await self._read_request(reader)) and not self.refuses:
                answer = await self._ask(request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked, or the server, is gone: that is what storms are for
        finally:
            writer.close()

    async def _read_request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(_END_OF_HEAD)
        return head + await reader.readexactly(_content_length(head))

    async def _ask(self, request: bytes) -> bytes | None:
        """Get the answer of a server; None where there is to be none."""
        if self.hangs:
            await self._hang()
            return None
        reader, writer = await self._connect()
        try:
            line, _, rest = request.partition(b"\r\n")
            writer.write(line + b"\r\nconnection: close\r\n" + _without_connection(rest))
            answer = await reader.read(-1)
        finally:
            writer.close()
        is_lost = not line.startswith(b"GET ") and self._random.random() < self.loses
        head, end, body = answer.partition(_END_OF_HEAD)
        is_whole = bool(end) and len(body) >= _content_length(head)
        if is_lost or self.refuses or self.hangs or not is_whole:
            return None
        return _without_connection(head + end) + body

    async def _hang(self) -> None:
        while self.hangs:
            await asyncio.sleep(0.1)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        order = self._random.sample(self._servers, len(self._servers))
        for port in order[:-1]:
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return await asyncio.open_connection("127.0.0.1", order[-1])


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _without_connection(text: bytes) -> bytes:
    head, end, body = text.partition(_END_OF_HEAD)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(lines) + end + body
