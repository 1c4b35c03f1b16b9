"""An API over a fresh database, of each kind, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alisio_server.adapters.laptop.silence import Silence
from alisio_server.embedded import Backend, open_services
from alisio_server.services import Services
from alisio_server.settings import ServerSettings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> ServerSettings:
    """Where a server of this test keeps its things."""
    return ServerSettings(database_url=database_url, home=tmp_path)


@pytest.fixture
def services(settings: ServerSettings) -> Iterator[Services]:
    """A database and an object store of this test."""
    services = open_services(settings, Silence())
    yield services
    services.database.dispose()


@pytest.fixture
def backend(services: Services) -> Backend:
    """The API around the services."""
    return Backend(services)
