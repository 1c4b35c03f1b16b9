"""What tests of results share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.sdk.conftest import MemoryServer


@pytest.fixture
def storage(server: MemoryServer) -> Path:
    """The folder where results are stored, where nothing else is said."""
    return Path(os.environ["ALISIO_HOME"]) / "storage"
