"""What is said of the database, and by it, holds none of the secrets that it was given."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from alisio_server.database.engine import Database, normalise_url
from alisio_server.errors import InvalidInputError
from alisio_server.services import Services


@pytest.mark.parametrize("password", ["p@ss:secret", "p@ss:1:secret"])
def test_an_address_that_cannot_be_read_is_not_quoted(password: str) -> None:
    """A password that was not percent-encoded is in places where SQLAlchemy would quote it."""
    with pytest.raises(InvalidInputError) as caught:
        normalise_url(f"postgresql://me:{password}@db/runs")

    assert "ALISIO_API_DATABASE_CONNECTION_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_statement_that_fails_does_not_tell_its_values(services: Services) -> None:
    """Its error may be logged, and parameters of flows may be secrets. PostgreSQL quotes the faulty line alone."""
    with services.database.read() as connection, pytest.raises(SQLAlchemyError) as caught:
        connection.execute(text("SELECT no_such_column\nFROM flow\nWHERE name = :name"), {"name": "secret"})

    assert "secret" not in str(caught.value)


def test_the_folder_of_a_new_database_is_its_owners(tmp_path: Path) -> None:
    """Nobody else of the machine reads parameters, logs and results; a folder that was there keeps its mode."""
    there = tmp_path / "there"
    there.mkdir(mode=0o755)

    Database(f"sqlite:///{tmp_path}/new/alisio.db").dispose()
    Database(f"sqlite:///{there}/alisio.db").dispose()

    assert 0o700 == (tmp_path / "new").stat().st_mode & 0o777
    assert 0o755 == there.stat().st_mode & 0o777
