from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, event, insert, text

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio_server.database import migrate
from alisio_server.database.engine import Database
from alisio_server.database.indexes import metadata
from alisio_server.database.types import Instant, Tags
from alisio_server.embedded import downgrade_database, reset_database, upgrade_database
from alisio_server.errors import ConflictError, InvalidInputError
from tests.conftest import NewDatabase


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    """The address of a database without tables."""
    return new_database(empty=True)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The database at that address."""
    database = Database(url)
    yield database
    database.dispose()


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's driver is an extra, and the line says how to install it."""
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(InvalidInputError, match=re.escape("PostgreSQL needs psycopg2: pip install 'alisio[postgres]'")):
        Database("postgresql://me@127.0.0.1/runs")


SQLITE_SCHEMA = (
    "SELECT name, trim(sql, ')') AS sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
)
SQLITE_TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
POSTGRES_TRIGGERS = """
    SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype
"""
POSTGRES_SCHEMA = """
    SELECT attrelid::regclass::text AS name, concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid), attidentity) AS sql
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT conrelid::regclass::text, concat_ws(' ', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype != 'n'
    UNION ALL
    SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname != 'ix_flow_run_name_parts'
"""


def schema_of(database: Database) -> dict[str, list[str]]:
    """Read every table and index as the database keeps it, but for the order of a table's constraints."""
    with database.read() as connection:
        rows = connection.execute(text(SQLITE_SCHEMA if database.is_sqlite else POSTGRES_SCHEMA)).all()
    schema: dict[str, list[str]] = {}
    for row in rows:
        if row.name != "alembic_version":
            parts = re.split(r"[\s,]*\n[\s,]*|,\s+", row.sql) if database.is_sqlite else [row.sql]
            schema.setdefault(row.name, []).extend(filter(None, parts))
    return {name: sorted(parts) for name, parts in schema.items()}


def triggers_of(database: Database) -> set[str]:
    """Read the names of every trigger, and of the functions that they call."""
    with database.read() as connection:
        rows = connection.execute(text(SQLITE_TRIGGERS if database.is_sqlite else POSTGRES_TRIGGERS))
        return set(rows.scalars())


def fill(database: Database) -> None:
    """Put a row into every table, which refers to those of the others wherever it can."""
    made: dict[str, dict[str, Any]] = {}
    with database.write() as connection:
        for table in metadata.sorted_tables:
            row = {column.name: value_for(column, made) for column in table.columns}
            made[table.name] = row
            connection.execute(insert(table).values(row))


def value_for(column: Column[Any], made: dict[str, dict[str, Any]]) -> Any:
    """Make up a value that a column takes."""
    for key in column.foreign_keys:
        return made.get(key.column.table.name, {}).get(key.column.name)
    if isinstance(column.type, JSON | Tags):
        return ["word"]
    if isinstance(column.type, Instant):
        return utc_now()
    kinds: dict[type, Any] = {str: "word", int: 1, float: 1.5, bool: True, UUID: new_id(), bytes: b"word"}
    return kinds[column.type.python_type]


def test_migrations_make_the_tables_of_the_code(database: Database, new_database: NewDatabase) -> None:
    """A migrated database is, to the letter, what the tables in the code would make: indexes and conditions too."""
    migrate.upgrade(database)
    other = Database(new_database(empty=True))
    metadata.create_all(other.engine)

    expected = schema_of(other)
    other.dispose()

    assert expected.keys() >= metadata.tables.keys()
    assert expected == schema_of(database)


def test_head_is_the_newest_revision() -> None:
    """The constant that saves importing Alembic names Alembic's own head."""
    folder = Path(migrate.__file__).with_name("migrations")

    assert [migrate.HEAD] == ScriptDirectory(folder).get_heads()


def test_up_and_down_and_up_again(database: Database) -> None:
    """Every revision can be taken back with rows in every table, which leaves no table, and be applied again."""
    migrate.upgrade(database)
    expected = (migrate.HEAD, schema_of(database), triggers_of(database))

    fill(database)
    while migrate.current_revision(database) is not None:
        migrate.downgrade(database, "-1")
    assert ({}, set()) == (schema_of(database), triggers_of(database))

    migrate.upgrade(database)
    assert expected == (migrate.current_revision(database), schema_of(database), triggers_of(database))


def test_a_server_without_trigrams_is_enough(database: Database) -> None:
    """Where pg_trgm cannot be had, its index is left out and nothing else; where it can, the index is there."""
    if database.is_sqlite:
        pytest.skip("SQLite has no extensions")
    parts = text("SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_flow_run_name_parts'")
    with database.write() as connection:
        # A function of the extension's is there already, so it cannot be installed.
        connection.execute(text("CREATE FUNCTION set_limit(real) RETURNS real LANGUAGE sql AS 'SELECT $1'"))
    migrate.upgrade(database)
    with database.read() as connection:
        assert 0 == connection.execute(parts).scalar_one()
    assert migrate.HEAD == migrate.current_revision(database)

    with database.write() as connection:
        connection.execute(text("DROP FUNCTION set_limit"))
    migrate.reset(database)
    with database.read() as connection:
        assert 1 == connection.execute(parts).scalar_one()


def test_reset_removes_everything(database: Database, url: str) -> None:
    """A reset leaves empty tables at the newest revision, of an old database and of a new file alike."""
    reset_database(url)
    with database.write() as connection:
        connection.execute(text("INSERT INTO clockwork (id, last_tick) VALUES (1, '2026-01-01 00:00:00')"))

    reset_database(url)

    with database.read() as connection:
        assert 0 == connection.execute(text("SELECT count(*) FROM clockwork")).scalar_one()
    assert migrate.HEAD == migrate.current_revision(database)


def test_verbs_tell_the_revision(url: str) -> None:
    """Upgrading and downgrading say where the database is then."""
    assert migrate.HEAD == upgrade_database(url)
    assert migrate.HEAD == upgrade_database(url, "head")
    assert downgrade_database(url, "base") is None


def test_no_such_revision(database: Database) -> None:
    """A revision that is not there is named, and nothing is changed."""
    migrate.upgrade(database)

    with pytest.raises(InvalidInputError, match="nonsense"):
        migrate.downgrade(database, "nonsense")

    assert migrate.HEAD == migrate.current_revision(database)


def test_database_of_a_newer_release(database: Database) -> None:
    """A database of a newer release is refused in one line and left as it is."""
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConflictError) as caught:
        migrate.upgrade(database)

    assert "database_is_newer" == caught.value.code
    assert "9999" == migrate.current_revision(database)


def test_several_at_once(url: str) -> None:
    """Processes that find no tables at the same moment make them once, and none of them fails."""
    program = textwrap.dedent(
        """
        import sys
        from alisio_server.embedded import upgrade_database
        sys.stdin.readline()
        upgrade_database(sys.argv[1])
        """
    )
    command = [sys.executable, "-c", program, url]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [process.communicate("\n", timeout=60) for process in processes]

    assert [0] * 4 == [process.returncode for process in processes], outputs


def test_a_table_that_another_process_has_just_made_is_taken(database: Database) -> None:
    """Between the look for Alembic's own table and its making, another process may have made and committed it."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    other = Database(database.url.render_as_string(hide_password=False))

    def make_first(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith("CREATE TABLE") and "alembic_version" in statement:
            with other.write() as connection:
                connection.exec_driver_sql(statement)

    event.listen(database.engine, "before_cursor_execute", make_first)
    migrate.upgrade(database)
    other.dispose()

    assert migrate.HEAD == migrate.current_revision(database)


def test_up_to_date_costs_no_alembic(tmp_path: Path) -> None:
    """Opening a database that is up to date imports neither Alembic nor the routes nor the HTTP server."""
    url = f"sqlite:///{tmp_path}/alisio.db"
    upgrade_database(url)
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from alisio_server.embedded import open_backend
        from alisio_server.settings import ServerSettings
        from alisio.contract.ids import new_id
        from alisio.contract.reports import Report
        backend = open_backend(ServerSettings(sys.argv[1], Path(sys.argv[2])))
        state = {"type": "COMPLETED", "name": "Completed", "timestamp": "2026-01-01T00:00:00Z"}
        report = {"attempt": 1, "sequence": 1, "origin": "script", "facts": {"flow_name": "x"}, "states": [state]}
        backend.apply_report(new_id(), Report.model_validate(report))
        backend.close()
        heavy = {"alembic", "aws_lambda_powertools", "uvicorn", "httpx", "jsonschema", "sqlalchemy.orm"}
        print(sorted(heavy & sys.modules.keys()))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, url, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert "[]" == done.stdout.strip()
