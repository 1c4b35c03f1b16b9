"""An API behind its gate, without a network: what is asked of it comes from an address of the test's choice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.access import ApiKeyCreate, Role
from alisio_server.access.gate import KeyGate
from alisio_server.adapters.laptop.silence import Silence
from alisio_server.app import Api
from alisio_server.embedded import open_services
from alisio_server.events import to_event
from alisio_server.orchestration.api_keys import NewKey, create_api_key
from alisio_server.services import Services
from alisio_server.settings import ServerSettings

HERE = "127.0.0.1"
ELSEWHERE = "203.0.113.7"


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Door:
    """One server process over the database: its gate has a memory of its own."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.clock = Clock()
        self._api = Api(services, KeyGate(services, self.clock))

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, source: str = HERE, **headers: str
    ) -> Answer:
        """Send a request."""
        sent = {"content-type": "application/json", **headers}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        content = b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        answer = self._api.resolve(to_event(method, path, query, list(sent.items()), content, source))
        text = answer.get("body")
        is_json = "json" in str(answer["headers"].get("Content-Type", ""))
        return Answer(answer["statusCode"], json.loads(text) if text and is_json else text, dict(answer["headers"]))

    def new_key(self, name: str = "root", role: Role = Role.ADMIN, **more: Any) -> NewKey:
        """Make a key in the database itself."""
        with self.services.transaction() as tx:
            return create_api_key(tx, ApiKeyCreate(name=name, role=role, **more), "local")


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    """A database and an object store of this test, on each kind of database."""
    services = open_services(ServerSettings(database_url=database_url, home=tmp_path), Silence())
    yield services
    services.database.dispose()


@pytest.fixture
def door(services: Services) -> Door:
    """A server process."""
    return Door(services)
