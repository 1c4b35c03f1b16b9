"""The harness: a fresh back end, home and settings for as long as a block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from alisio.client.shared import close_shared_clients, shared_client
from alisio.engine.reporter import own_reporter
from alisio.settings import Settings, current_settings

if TYPE_CHECKING:
    from alisio.client import Client

__all__ = ["Harness", "alisio_test_harness", "prefect_test_harness"]

_SETTINGS, _MOCKS = "ALISIO_", "ALISIO__RUNTIME__"


@dataclass(frozen=True)
class Harness:
    """A back end for a test.

    Attributes:
        home: Its folder, with the database, results and profiles; it is removed at the end.
        settings: Those that hold when it begins.
    """

    home: Path
    settings: Settings

    @property
    def client(self) -> Client:
        """A client to it; nobody needs to close it."""
        return shared_client()


@contextmanager
def alisio_test_harness(server_startup_timeout: float | None = None) -> Iterator[Harness]:
    """Run flows on an empty back end inside this process, with default settings and a home of its own.

    It takes milliseconds, but for the first one of a process, which makes the tables that all others copy. At the end
    all runs are recorded, what was set before holds again, and the home is removed. Harnesses may lie within each
    other; several at once need a process each, as pytest-xdist gives them.

    Args:
        server_startup_timeout: Not used, as no server is started.

    Yields:
        The back end.

    Raises:
        ApiUnreachableError: There is no room for its files.
    """
    database = _empty_database()
    with TemporaryDirectory(prefix="alisio-test-") as folder:
        home = Path(folder)
        (home / "alisio.db").write_bytes(database)
        with _only_home(home), own_reporter():
            try:
                yield Harness(home, current_settings())
            finally:
                close_shared_clients(home)


prefect_test_harness = alisio_test_harness


@cache
def _empty_database() -> bytes:
    """Make the tables once a process: a copy of them takes a hundredth of the time."""
    from alisio.client.embedded import upgrade_database

    with TemporaryDirectory(prefix="alisio-test-") as folder, _only_home(Path(folder)):
        upgrade_database(current_settings())
        return (Path(folder) / "alisio.db").read_bytes()


@contextmanager
def _only_home(home: Path) -> Iterator[None]:
    """Take all settings out of the environment but this one, until the end of the block."""
    before = _variables()
    for name in before:
        del os.environ[name]
    os.environ["ALISIO_HOME"] = str(home)
    try:
        yield
    finally:
        for name in _variables():
            del os.environ[name]
        os.environ.update(before)


def _variables() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name.startswith(_SETTINGS) and not name.startswith(_MOCKS)
    }
