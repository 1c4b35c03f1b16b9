"""What integration tests of several kinds share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ministack import Ministack


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """The ministack that all tests of the session share."""
    if not Ministack.is_installed():
        pytest.skip("ministack is not installed: `make unit` installs it")
    server = Ministack(tmp_path_factory.mktemp("ministack"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
