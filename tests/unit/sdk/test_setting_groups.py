"""Settings by the parts of their names."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from alisio import settings
from alisio.settings import get_current_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an address."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    monkeypatch.setenv("ALISIO_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.setenv("ALISIO_LOGGING_LEVEL", "debug")
    return tmp_path


def test_parts_of_names(home: Path) -> None:
    """A setting is found by its whole name, or part by part."""
    now = get_current_settings()
    assert ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api") == (now.api.url, now.api_url)
    assert (home, "DEBUG", False, 4200) == (
        now.home,
        now.logging.level,
        now.results.persist_by_default,
        now.server.api.port,
    )


def test_they_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call reads what holds then; what was read before stays."""
    before = get_current_settings()
    monkeypatch.setenv("ALISIO_API_URL", "http://127.0.0.1:5000/api")
    assert ("http://127.0.0.1:4200/api", "http://127.0.0.1:5000/api") == (
        before.api.url,
        get_current_settings().api.url,
    )


def test_copies() -> None:
    """A group can be copied and sent to another process."""
    group = get_current_settings().api
    assert [group.url] * 2 == [copy.copy(group).url, pickle.loads(pickle.dumps(group)).url]


def test_no_such_setting() -> None:
    """A name that no setting has is an error that gives all of it."""
    with pytest.raises(AttributeError, match="there is no setting 'api_colour'"):
        _ = get_current_settings().api.colour
    assert not hasattr(settings, "get_no_settings")
