"""Listening: uvicorn in front of the API, the clockwork beside it, and an end that waits for nobody long."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import uvicorn

from alisio_server.adapters.laptop.asgi import AsgiApp
from alisio_server.adapters.laptop.bells import Bells
from alisio_server.adapters.laptop.ticking import Ticker
from alisio_server.app import Api
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.tick import tick
from alisio_server.ports import WakeUps
from alisio_server.services import Services
from alisio_server.settings import ServerSettings

# Longer than clients keep idle connections, so that it is they who close them and never meet a closed one.
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1
_BACKLOG = 2048


class _Server(uvicorn.Server):
    """Uvicorn, with long polls that end when it does, and without the signal being raised again after that."""

    def __init__(self, config: uvicorn.Config, bells: Bells, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._bells = bells
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._bells.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(
    settings: ServerSettings,
    open_services: Callable[[WakeUps], Services],
    *,
    on_ready: Callable[[str], None] | None,
) -> None:
    """Serve until SIGINT or SIGTERM; see `alisio_server.embedded.serve`.

    Args:
        settings: Where to listen, and how often to tick.
        open_services: Opens what the API works with; called once the port is ours, with the bell to use.
        on_ready: Called with the address of the API once it answers.

    Raises:
        ConflictError: The port is in use.
        InvalidInputError: The host is none of this machine.
    """
    with closing(_bind(settings.host, settings.port)) as listener:
        bells = Bells()
        services = open_services(bells)
        ticker = Ticker(partial(_tick, services, settings.tick_seconds), settings.tick_seconds)
        address = _address(settings.host, listener)

        def ready() -> None:
            ticker.start()
            if on_ready is not None:
                on_ready(address)

        try:
            server = _Server(_config(AsgiApp(Api(services), bells)), bells, ready)
            server.run(sockets=[listener])
        finally:
            ticker.stop()
            bells.close()
            services.database.dispose()


def _tick(services: Services, seconds: float) -> Mapping[str, Exception]:
    return tick(services, seconds).failed


def _config(app: AsgiApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _bind(host: str, port: int) -> socket.socket:
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = places[0]
        return _listening(family, kind, protocol, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(
                f"port {port} of {host} is in use: stop what listens there, or choose another port",
                code="port_in_use",
                field="port",
            ) from error
        raise InvalidInputError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            code="cannot_listen",
            field="host",
        ) from error


def _listening(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> socket.socket:
    # The protocol is named, since asyncio switches Nagle's algorithm off only on sockets that say they are TCP;
    # with it, each answer waits 40 ms for the client's acknowledgement of its headers.
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _address(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}/api" if ":" in host else f"http://{host}:{port}/api"
