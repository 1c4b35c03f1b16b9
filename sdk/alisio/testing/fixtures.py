"""Fixtures for pytest, for `pytest_plugins = ["alisio.testing.fixtures"]` in a `conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alisio.testing.utilities import Harness, alisio_test_harness

__all__ = ["alisio_harness", "alisio_session_harness"]


@pytest.fixture
def alisio_harness() -> Iterator[Harness]:
    """A back end of the test's own; see `alisio.testing.utilities.alisio_test_harness`."""
    with alisio_test_harness() as harness:
        yield harness


@pytest.fixture(scope="session")
def alisio_session_harness() -> Iterator[Harness]:
    """A back end that the tests of the session share."""
    with alisio_test_harness() as harness:
        yield harness
