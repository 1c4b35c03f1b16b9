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
from alisio_server.adapters.laptop.bells import Bells, OwnBells
from alisio_server.adapters.laptop.shared_bells import SharedBells
from alisio_server.adapters.laptop.silence import Silence
from alisio_server.adapters.laptop.ticking import Ticker
from alisio_server.adapters.laptop.tls import check_tls_files
from alisio_server.adapters.laptop.workers import Workers
from alisio_server.app import Api
from alisio_server.database.engine import is_postgresql
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.tick import tick
from alisio_server.orchestration.waking import upcoming_wake_ups
from alisio_server.ports import WakeUps
from alisio_server.services import Services
from alisio_server.settings import ServerSettings, TlsFiles

# Longer than clients keep idle connections, so that it is they who close them and never meet a closed one.
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1
_BACKLOG = 2048
# One has the routes, the others wait for a commit, or ask who sends a request.
_THREADS_ON_POSTGRESQL = 4


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
        open_services: Opens what the API works with; called once the port is ours, with the bell to use, in every
            process.
        on_ready: Called with the address of the API once it answers.

    Raises:
        ConflictError: The port is in use.
        InvalidInputError: The host is none of this machine, several workers were asked for on SQLite, or the
            certificate cannot be used.
    """
    if settings.tls is not None:
        check_tls_files(settings.tls)
    if settings.workers > 1:
        _refuse_workers(settings)
    with closing(_bind(settings.host, settings.port)) as listener:
        address = _address(settings, listener)

        def say_ready() -> None:
            if on_ready is not None:
                on_ready(address)

        if is_postgresql(settings.database_url):
            # One that cannot be used shows itself here, once, and it is brought to its revision before others use it.
            open_services(Silence()).database.dispose()
        if settings.workers == 1:
            _serve(settings, open_services, listener, say_ready)
            return
        Workers(settings.workers, partial(_serve, settings, open_services, listener)).run(say_ready)


def _serve(
    settings: ServerSettings,
    open_services: Callable[[WakeUps], Services],
    listener: socket.socket,
    on_ready: Callable[[], None],
) -> None:
    """Serve on a listening socket, as the only process or as one of several."""
    shared = is_postgresql(settings.database_url)
    bells = Bells(shared=shared)
    bell = SharedBells(settings.database_url, bells) if shared else OwnBells(bells)
    with closing(bell), closing(bells):
        services = open_services(bell)
        ticker = Ticker(partial(_tick, services, settings.tick_seconds), settings.tick_seconds)

        def ready() -> None:
            bell.keep(upcoming_wake_ups(services.database))
            ticker.start()
            on_ready()

        try:
            app = AsgiApp(Api(services), bells, _THREADS_ON_POSTGRESQL if shared else 1)
            _Server(_config(app, settings.tls), bells, ready).run(sockets=[listener])
        finally:
            ticker.stop()
            services.database.dispose()


def _refuse_workers(settings: ServerSettings) -> None:
    if not is_postgresql(settings.database_url):
        raise InvalidInputError(
            "one process serves an SQLite database: others would not hear its wake-ups, and all would wait for its one "
            "writer; use one worker, or PostgreSQL (ALISIO_API_DATABASE_CONNECTION_URL)",
            code="workers_need_postgresql",
            field="workers",
        )
    if not hasattr(os, "fork"):
        raise InvalidInputError("several workers need a system that can fork; use one", code="no_fork", field="workers")


def _tick(services: Services, seconds: float) -> Mapping[str, Exception]:
    return tick(services, seconds).failed


def _config(app: AsgiApp, tls: TlsFiles | None) -> uvicorn.Config:
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
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
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


def _address(settings: ServerSettings, listener: socket.socket) -> str:
    """Tell where programs on this machine reach the API."""
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    scheme = "http" if settings.tls is None else "https"
    return f"{scheme}://[{host}]:{port}/api" if ":" in host else f"{scheme}://{host}:{port}/api"
