"""The client that calls from user code share: opening one takes longer than most calls."""

from __future__ import annotations

import atexit
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alisio.settings import Settings, current_settings

if TYPE_CHECKING:
    from alisio.client.client import Client

_clients: dict[Any, Client] = {}
_lock = threading.Lock()


def shared_client() -> Client:
    """Give this process's client to the server that the settings name now. Nobody closes it.

    Raises:
        SettingsError: A setting cannot be used.
        ApiUnreachableError: The database cannot be used.
    """
    from alisio.client import open_client

    settings = current_settings()
    key = _key(settings)
    with _lock:
        if key not in _clients:
            _clients[key] = open_client(settings)
        return _clients[key]


def drop_shared_client(client: Client) -> None:
    """Have the server looked for anew the next time: this one does not answer."""
    with _lock:
        for key in [key for key, known in _clients.items() if known is client]:
            del _clients[key]
    client.close()


def close_shared_clients(home: Path | None = None) -> None:
    """Let go of connections.

    Args:
        home: Only of the clients that were opened while this was the home.
    """
    with _lock:
        keys = [key for key in _clients if home is None or home in key]
        clients = [_clients.pop(key) for key in keys]
    for client in clients:
        client.close()


def _key(settings: Settings) -> tuple[Any, ...]:
    return settings.api_url, settings.api_key, settings.api_database_connection_url, settings.home


def _after_fork() -> None:
    # Connections are the parent's; closing them here would close them there.
    global _lock
    _clients.clear()
    _lock = threading.Lock()


atexit.register(close_shared_clients)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
