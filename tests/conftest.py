"""What tests of every kind share."""

from __future__ import annotations

import re
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Protocol

import pytest
from hypothesis import settings

from alisio_server.embedded import upgrade_database
from tests.e2e.fixtures import backend as backend
from tests.e2e.fixtures import stack as stack
from tests.postgres import Postgres
from tests.scratch import use_memory

_DRAWN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the names of the back ends on which the scenarios of `tests/e2e` run."""
    parser.addoption("--backends", default="laptop,postgres", help="of tests/e2e/backends.py, with commas between")


def pytest_configure(config: pytest.Config) -> None:
    """Have each session alike: files in memory, before the first test asks for a folder, signals, drawn examples.

    What passes once passes again, so that nobody's change is refused for what another's left behind. New examples are
    drawn with `--hypothesis-profile default`, as `make hostile` does.
    """
    use_memory()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As shells start what is to run in the background; all that tests start would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("repeatable", derandomize=True)
    if config.getoption("hypothesis_profile") is None:
        settings.load_profile("repeatable")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a test the same in every process that collects it, also where an id was drawn for its parameter."""
    return _DRAWN.sub("an-id", val) if isinstance(val, str) and _DRAWN.search(val) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make what a test has printed fit to be sent to the process that counts: some print halves of surrogate pairs."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


class NewDatabase(Protocol):
    """Makes a database."""

    def __call__(self, *, empty: bool = False) -> str:
        """Make one, and give its address.

        Args:
            empty: Without tables; else with those of the newest revision, copied from a template.
        """


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server that all tests of the session share; whoever kills one starts their own."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with the tables of the newest revision and nothing in them."""
    path = tmp_path_factory.mktemp("template") / "alisio.db"
    upgrade_database(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewDatabase]:
    """Makes databases, in a test's first run SQLite's and in its second PostgreSQL's."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        numbers = count(1)

        def make(*, empty: bool = False) -> str:
            path = tmp_path / f"alisio-{next(numbers)}.db"
            if not empty:
                copyfile(template, path)
            return f"sqlite:///{path}"

        yield make
        return
    server: Postgres = request.getfixturevalue("postgres")
    with ExitStack() as made:
        yield lambda *, empty=False: made.enter_context(server.database(empty=empty))


@pytest.fixture
def database_url(new_database: NewDatabase) -> str:
    """The address of a database of this test, once of each kind."""
    return new_database()
