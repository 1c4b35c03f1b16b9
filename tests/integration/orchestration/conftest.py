"""The world in which the rules are tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.orchestration.world import World


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """An empty server with one work pool, `shore`; over each kind of database."""
    world = World(database_url, tmp_path / "objects")
    world.pool()
    yield world
    world.close()
