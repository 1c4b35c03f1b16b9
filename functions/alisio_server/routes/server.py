"""The server itself: whether it is well, and the description of its API."""

from __future__ import annotations

from alisio.contract.health import Health, Version
from alisio_server.access.rules import Access
from alisio_server.database.queries.clockwork import last_tick
from alisio_server.routes.support import Resource
from alisio_server.version import version

resource = Resource("Server")


@resource.route("GET", "/api/health", access=Access.PUBLIC)
def get_health() -> Health:
    """Tell whether the server is well."""
    database = resource.services.database
    with database.read() as connection:
        ticked = last_tick(connection)
    kind = "sqlite" if database.is_sqlite else "postgresql"
    return Health(status="ok", version=version(), database=kind, last_tick=ticked)


@resource.route("GET", "/api/version", access=Access.PUBLIC)
def get_version() -> Version:
    """Tell the server's version."""
    return Version(version=version())
