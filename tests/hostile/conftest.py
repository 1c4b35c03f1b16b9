"""A server that takes whatever comes, and how many cases to send it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.backends import LaptopBackend

CASES = "HOSTILE_CASES"
DEFAULT_CASES = 600


@pytest.fixture(scope="session")
def cases() -> int:
    """How many requests all routes together get: `make hostile CASES=n`, else few enough for every change."""
    return int(os.environ.get(CASES) or DEFAULT_CASES)


@pytest.fixture(scope="package")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaptopBackend]:
    """An Alisio that the tests of this folder share."""
    backend = LaptopBackend(tmp_path_factory.mktemp("hostile"))
    backend.start()
    yield backend
    backend.stop()
