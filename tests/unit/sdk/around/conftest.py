"""An empty database of a test's own, which nothing serves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from alisio.client import Client, open_client


@pytest.fixture
def client(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a database of this test, which the code under test finds as well."""
    for name in [name for name in os.environ if name.startswith("ALISIO_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    copyfile(sqlite_template, home / "alisio.db")
    monkeypatch.setenv("ALISIO_HOME", str(home))
    with open_client() as client:
        yield client
