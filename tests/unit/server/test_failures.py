"""What the log is told of failures."""

from __future__ import annotations

import logging

import pytest

from alisio_server.errors import UnavailableError
from alisio_server.repeats import Repeats
from alisio_server.routes import failures
from alisio_server.routes.failures import answer_failure


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has said nothing yet."""
    monkeypatch.setattr(failures, "_unavailable", Repeats())


def test_what_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every request that meets an outage is answered with 503; the log is told of each kind once, as a warning."""
    for code in ("wake_ups_away", "wake_ups_away", "database_unavailable"):
        assert 503 == answer_failure(UnavailableError("it is away", code=code)).status_code
    assert [(logging.WARNING, "wake_ups_away: it is away"), (logging.WARNING, "database_unavailable: it is away")] == [
        (record.levelno, record.message) for record in caplog.records
    ]


def test_what_nobody_foresaw_is_always_told(caplog: pytest.LogCaptureFixture) -> None:
    """Each 500 is logged as an error with its traceback."""
    for _ in range(2):
        assert 500 == answer_failure(ZeroDivisionError()).status_code
    assert [True, True] == [
        record.levelno == logging.ERROR and record.exc_info is not None for record in caplog.records
    ]


def test_a_fault_that_lasts_is_said_again() -> None:
    """After its period the same fault is news once more."""
    assert [True, False] == [repeats.is_news("x") for repeats in [Repeats()] * 2]
    assert [True, True] == [repeats.is_news("x") for repeats in [Repeats(0.0)] * 2]
