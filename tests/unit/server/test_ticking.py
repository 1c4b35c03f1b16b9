from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import pytest

from alisio_server.adapters.laptop.ticking import Ticker


def test_a_failing_part_is_said_once_and_so_is_its_recovery(caplog: pytest.LogCaptureFixture) -> None:
    """A tick that fails goes on being tried, without a line each time; when it works again, that is said too."""
    away = {"wake-ups": OSError("away")}
    outcomes: list[Mapping[str, Exception]] = [{}, away, away, away, {}]
    recovered = threading.Event()

    def tick() -> Mapping[str, Exception]:
        if outcomes:
            return outcomes.pop(0)
        recovered.set()
        return {}

    ticker = Ticker(tick, seconds=0.001)
    with caplog.at_level(logging.WARNING, logger="alisio.server"):
        ticker.start()
        assert recovered.wait(60)
        ticker.stop()

    assert [
        "the tick cannot do its part 'wake-ups', and tries again: OSError: away",
        "the tick does its part 'wake-ups' again",
    ] == [record.getMessage() for record in caplog.records]


def test_stopping_waits_for_the_tick_in_hand() -> None:
    """A tick is not cut off in the middle, and none begins after the stop."""
    ticks: list[str] = []
    inside = threading.Event()
    leave = threading.Event()

    def tick() -> Mapping[str, Exception]:
        inside.set()
        leave.wait(60)
        ticks.append("done")
        return {}

    ticker = Ticker(tick, seconds=60)
    ticker.start()
    assert inside.wait(60)
    stopper = threading.Thread(target=ticker.stop)
    stopper.start()
    leave.set()
    stopper.join(60)

    assert ["done"] == ticks
