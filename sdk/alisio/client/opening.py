"""Opening the way to the server that the settings name. It imports the least that a report needs."""

from __future__ import annotations

from alisio.client.discovery import find_server
from alisio.client.transport import Transport
from alisio.settings import Settings


def open_transport(settings: Settings) -> Transport:
    """Open the way to the server.

    That is `ALISIO_API_URL`; else a server that runs on this machine on the same database; else the database
    itself, worked on inside this process.

    Args:
        settings: The settings that hold.

    Returns:
        The transport: close it when it is no longer used.

    Raises:
        ApiUnreachableError: The database cannot be used.
    """
    url = find_server(settings)
    if url is None:
        from alisio.client.embedded import EmbeddedTransport

        return EmbeddedTransport(settings)
    from alisio.client.http import HttpTransport

    return HttpTransport(url, settings.api_key)
