"""A database of the test's own, worked on inside this process."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import copyfile

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose database has its tables already."""
    for name in [name for name in os.environ if name.startswith("ALISIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    copyfile(sqlite_template, tmp_path / "alisio.db")
    return tmp_path
