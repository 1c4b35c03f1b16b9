"""The fixtures of the scenarios: one Alisio for the session, a work pool of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.backends import BACKENDS, Backend
from tests.e2e.stack import Api, Stack


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each scenario on the back ends that `--backends` names."""
    if "backend" in metafunc.fixturenames:
        names = metafunc.config.getoption("--backends").split(",")
        metafunc.parametrize("backend", sorted(names), indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A running Alisio that all scenarios of the session share."""
    backend = BACKENDS[request.param](tmp_path_factory.mktemp(request.param))
    try:
        backend.start()
        yield backend
    finally:
        backend.stop()


@pytest.fixture
def stack(backend: Backend, tmp_path: Path) -> Iterator[Stack]:
    """A scenario's own corner of the shared Alisio; what the scenario started is ended after it."""
    key = backend.environment.get("ALISIO_API_KEY")
    stack = Stack(backend, tmp_path, Api(backend.api_url, key, 60 * backend.patience))
    try:
        stack.open()
        yield stack
    finally:
        stack.close()
