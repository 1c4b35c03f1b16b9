"""Settings: where they come from, and profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from alisio.exceptions import SettingsError
from alisio.setting_list import SETTINGS
from alisio.settings import (
    Settings,
    current_settings,
    read_values,
    set_profile_values,
    unset_profile_values,
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home, and no variables but its own."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    return tmp_path


def test_defaults(home: Path) -> None:
    """Where nothing is said, the defaults hold, with the database in the home."""
    settings = current_settings()
    assert (None, "127.0.0.1", 4200) == (settings.api_url, settings.server_api_host, settings.server_api_port)
    assert f"sqlite:///{home}/alisio.db" == settings.api_database_connection_url
    assert ("INFO", "default", ()) == (settings.logging_level, settings.profile, settings.logging_extra_loggers)


def test_every_setting_has_a_field() -> None:
    """The registry and the settings' fields are the same."""
    names = [name.removeprefix("ALISIO_").lower() for name in SETTINGS]
    assert sorted(names) == sorted(Settings.__dataclass_fields__)


def test_precedence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is over the profile, which is over the default; they are read at each call."""
    assert "default" == set_profile_values({"ALISIO_SERVER_API_PORT": "5000", "ALISIO_LOGGING_LEVEL": "debug"})
    assert (5000, "DEBUG") == (current_settings().server_api_port, current_settings().logging_level)
    assert "profile" == read_values()["ALISIO_SERVER_API_PORT"].source

    monkeypatch.setenv("ALISIO_SERVER_API_PORT", "6000")
    assert 6000 == current_settings().server_api_port
    assert "env" == read_values()["ALISIO_SERVER_API_PORT"].source

    monkeypatch.delenv("ALISIO_SERVER_API_PORT")
    unset_profile_values(["ALISIO_SERVER_API_PORT"])
    assert (4200, "DEBUG") == (current_settings().server_api_port, current_settings().logging_level)


def test_other_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ALISIO_PROFILE` names another profile, to read and to write."""
    monkeypatch.setenv("ALISIO_PROFILE", "cloud")
    set_profile_values({"ALISIO_API_URL": "https://example.org/api/"})
    assert "https://example.org/api" == current_settings().api_url

    monkeypatch.delenv("ALISIO_PROFILE")
    assert current_settings().api_url is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALISIO_NO_SUCH", "1", "there is no setting ALISIO_NO_SUCH"),
        ("ALISIO_SERVER_API_PORT", "http", "must be a number from 0 to 65535"),
        ("ALISIO_LOGGING_LEVEL", "LOUD", "must be one of DEBUG"),
        ("ALISIO_API_URL", "localhost:4200", "must be an address such as http"),
        ("ALISIO_API_URL", "http://", "must be an address such as http"),
        ("ALISIO_API_URL", "http://[::1", "must be an address such as http"),
        ("ALISIO_API_URL", "http://127.0.0.1:99999/api", "must be an address such as http"),
        ("ALISIO_API_DATABASE_CONNECTION_URL", "mysql://me:secret@db/runs", "postgresql://, not 'mysql'$"),
        ("ALISIO_HOME", "elsewhere", "cannot be kept in a profile"),
    ],
)
def test_bad_values(home: Path, name: str, value: str, message: str) -> None:
    """What cannot be used is refused in one line, and nothing is written."""
    with pytest.raises(SettingsError, match=message):
        set_profile_values({"ALISIO_SERVER_API_HOST": "localhost", name: value})
    assert not (home / "profiles.toml").exists()


def test_bad_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that cannot be used is told by its name."""
    monkeypatch.setenv("ALISIO_SERVER_API_PORT", "many")
    with pytest.raises(SettingsError, match="ALISIO_SERVER_API_PORT must be a number"):
        current_settings()


@pytest.mark.parametrize("text", ["not toml at all [", "profiles = 5", "active = 3"])
def test_bad_file(home: Path, text: str) -> None:
    """A file of profiles that cannot be read is told by its path."""
    (home / "profiles.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"profiles\.toml"):
        current_settings()


def test_unwritable_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that cannot be written to is told in one line."""
    (home / "file").write_text("")
    monkeypatch.setenv("ALISIO_HOME", str(home / "file"))
    with pytest.raises(SettingsError, match="cannot be written"):
        set_profile_values({"ALISIO_LOGGING_LEVEL": "INFO"})
