"""Faults and facts of the cloud itself: they run on the back end `cloud` alone, which `make test-cloud` gives them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cloud.place import CloudPlace
from tests.e2e.backends import Backend, CloudBackend
from tests.e2e.fixtures import pytest_generate_tests as pytest_generate_tests

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out on other back ends, and take the cloud away last of all."""
    if "cloud" not in config.getoption("--backends").split(","):
        reason = "needs the local cloud: `make test-cloud`"
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture
def place(backend: Backend) -> CloudPlace:
    """What the cloud is made of, and how to meddle with it."""
    if not isinstance(backend, CloudBackend):
        pytest.skip("this back end is no cloud")
    return CloudPlace(backend)


@pytest.fixture
def away() -> float:
    """How many seconds a part of the cloud is away, at least; in life it may be as long as with `AWAY=120`."""
    return float(os.environ.get("AWAY", "1"))
