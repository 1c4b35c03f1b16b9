"""Every scenario is marked; its fixtures are those of `tests/e2e/fixtures.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.fixtures import pytest_generate_tests as pytest_generate_tests

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every scenario `e2e`."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
