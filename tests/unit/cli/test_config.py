"""`alisio config`: settings in the active profile."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Commands


def view(commands: Commands) -> dict[str, tuple[str | None, str]]:
    """Read all settings with where they come from."""
    rows = json.loads(commands.run("config", "view", "--output", "json").out)
    return {row["name"]: (row["value"], row["source"]) for row in rows}


def test_a_setting_is_kept_and_taken_away(commands: Commands) -> None:
    """What `set` keeps holds until `unset`."""
    assert ("INFO", "default") == view(commands)["ALISIO_LOGGING_LEVEL"]

    assert 0 == commands.run("config", "set", "ALISIO_LOGGING_LEVEL=DEBUG").code
    assert ("DEBUG", "profile") == view(commands)["ALISIO_LOGGING_LEVEL"]

    assert 0 == commands.run("config", "unset", "ALISIO_LOGGING_LEVEL").code
    assert ("INFO", "default") == view(commands)["ALISIO_LOGGING_LEVEL"]


def test_of_several_settings_all_or_none_are_kept(commands: Commands) -> None:
    """One wrong value among several leaves everything as it was."""
    assert "ALISIO_NONE" in commands.refused("config", "set", "ALISIO_LOGGING_LEVEL=DEBUG", "ALISIO_NONE=1")

    assert ("INFO", "default") == view(commands)["ALISIO_LOGGING_LEVEL"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:secret@db/runs", "postgresql://me:***@db/runs"),
        ("postgresql://me:12/se@secret?#@db/runs", "postgresql://me:***@db/runs"),
        ("postgresql://db/runs?password=secret&a=b", "postgresql://db/runs?password=***&a=b"),
    ],
)
def test_the_table_shows_no_password(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    """The database's password is left out, for people and programs alike, wherever it stands and however odd it is."""
    monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", url)

    for output in ("table", "json"):
        shown = commands.run("config", "view", "--output", output).out
        assert expected in shown
        assert "secret" not in shown
