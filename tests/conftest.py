"""What tests of every kind share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from tests.postgres import Postgres


class NewDatabase(Protocol):
    """Makes a database."""

    def __call__(self, *, empty: bool = False) -> str:
        """Make one, and give its address.

        Args:
            empty: Without tables. Else they may be there already: they are on PostgreSQL, where making them takes
                longer than copying them.
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


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewDatabase]:
    """Makes databases, in a test's first run SQLite's and in its second PostgreSQL's."""
    if request.param == "sqlite":
        numbers = count(1)
        yield lambda *, empty=False: f"sqlite:///{tmp_path}/alisio-{next(numbers)}.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with ExitStack() as made:
        yield lambda *, empty=False: made.enter_context(server.database(empty=empty))


@pytest.fixture
def database_url(new_database: NewDatabase) -> str:
    """The address of a database of this test, once of each kind."""
    return new_database()
