"""Settings that hold for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from alisio import settings
from alisio.exceptions import SettingsError
from alisio.settings import (
    ALISIO_API_KEY,
    ALISIO_API_URL,
    ALISIO_LOGGING_EXTRA_LOGGERS,
    ALISIO_LOGGING_LEVEL,
    ALISIO_RESULTS_PERSIST_BY_DEFAULT,
    ALISIO_SERVER_API_PORT,
    current_settings,
    set_profile_values,
    temporary_settings,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no variables but its own."""
    for name in [name for name in os.environ if name.startswith("ALISIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    return tmp_path


def test_updates() -> None:
    """Values of any fitting type hold within the block, in threads and programs too, and not after it."""
    before = dict(os.environ)
    changes = {
        ALISIO_SERVER_API_PORT: 5000,
        ALISIO_RESULTS_PERSIST_BY_DEFAULT: True,
        ALISIO_LOGGING_EXTRA_LOGGERS: ("a", "b"),
        "ALISIO_LOGGING_LEVEL": "debug",
    }
    with temporary_settings(changes) as held:
        assert (5000, True, ("a", "b"), "DEBUG") == (
            held.server_api_port,
            held.results_persist_by_default,
            held.logging_extra_loggers,
            held.logging_level,
        )
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(ALISIO_SERVER_API_PORT.value()))
        thread.start()
        thread.join()
        code = "from alisio.settings import ALISIO_LOGGING_LEVEL; print(ALISIO_LOGGING_LEVEL.value())"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert ([5000], "DEBUG\n") == (seen, shown)
    assert before == dict(os.environ)
    assert "INFO" == ALISIO_LOGGING_LEVEL.value()


def test_within_each_other() -> None:
    """The inner block adds to the outer one, and leaves it as it was, though it ends by an error."""
    with temporary_settings({ALISIO_LOGGING_LEVEL: "ERROR", ALISIO_API_KEY: "one"}):
        with pytest.raises(ZeroDivisionError), temporary_settings({ALISIO_LOGGING_LEVEL: "DEBUG"}):
            assert ("DEBUG", "one") == (ALISIO_LOGGING_LEVEL.value(), ALISIO_API_KEY.value())
            raise ZeroDivisionError
        assert "ERROR" == ALISIO_LOGGING_LEVEL.value()


def test_defaults() -> None:
    """Defaults can be set, which the profile and the environment lie over, and restored, over both."""
    set_profile_values({"ALISIO_API_URL": "http://127.0.0.1:9/api", "ALISIO_LOGGING_LEVEL": "ERROR"})
    with temporary_settings(set_defaults={ALISIO_LOGGING_LEVEL: "DEBUG", ALISIO_SERVER_API_PORT: 1}):
        assert ("ERROR", 1) == (ALISIO_LOGGING_LEVEL.value(), ALISIO_SERVER_API_PORT.value())
    with temporary_settings(restore_defaults=[ALISIO_API_URL, "ALISIO_LOGGING_LEVEL"]):
        assert (None, "INFO") == (ALISIO_API_URL.value(), ALISIO_LOGGING_LEVEL.value())
        with temporary_settings(set_defaults={ALISIO_API_URL: "http://127.0.0.1:8/api"}):
            assert "http://127.0.0.1:8/api" == ALISIO_API_URL.value()
    with temporary_settings({ALISIO_API_URL: None}):
        assert current_settings().api_url is None
    assert "http://127.0.0.1:9/api" == ALISIO_API_URL.value()


def test_defaults_in_another_home(tmp_path: Path) -> None:
    """What lies in the home by default lies in the one that the same block names, and never in that of before."""
    with temporary_settings({"ALISIO_HOME": tmp_path / "new", "ALISIO_API_DATABASE_CONNECTION_URL": None}):
        assert f"sqlite:///{tmp_path}/new/alisio.db" == current_settings().api_database_connection_url


def test_bad_input() -> None:
    """What cannot be used is refused before anything is changed."""
    before = dict(os.environ)
    with (
        pytest.raises(SettingsError, match="ALISIO_SERVER_API_PORT must be a number"),
        temporary_settings({ALISIO_LOGGING_LEVEL: "DEBUG", ALISIO_SERVER_API_PORT: "many"}),
    ):
        pass
    with (
        pytest.raises(SettingsError, match="there is no setting ALISIO_NOTHING"),
        temporary_settings({"ALISIO_NOTHING": 1}),
    ):
        pass
    with pytest.raises(AttributeError, match="ALISIO_NOTHING"):
        _ = settings.ALISIO_NOTHING
    assert before == dict(os.environ)
