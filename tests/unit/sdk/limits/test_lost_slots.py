"""Strict blocks end before their slots can be another's, whatever has become of the server, or of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from alisio import flow
from alisio.client.limit_methods import LimitMethods
from alisio.concurrency import keeper, slots, sync
from alisio.concurrency.sync import ConcurrencyLeaseLostError, ConcurrencySlotAcquisitionError
from alisio.contract.limits import LeaseAnswer, SlotAnswer
from alisio.exceptions import ApiUnreachableError, ConflictError
from alisio.utilities.clocks import elapsed_seconds
from tests.unit.sdk.limits.conftest import Backend, Way
from tests.waiting import wait_until

RENEW = "alisio.client.limit_methods.LimitMethods.renew_concurrency_lease"
Renew = Callable[..., Any]


def _refuse(*_: Any) -> NoReturn:
    raise ApiUnreachableError("nobody is there")


@pytest.fixture(params=["refused", "hanging"])
def cut_off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No renewal is answered: each is refused, or hangs for as long as the test."""
    over = threading.Event()

    def hang(*_: Any) -> NoReturn:
        over.wait()
        raise ApiUnreachableError("it took too long")

    monkeypatch.setattr(RENEW, _refuse if request.param == "refused" else hang)
    monkeypatch.setattr(keeper, "_SHARE", 0.0005)
    monkeypatch.setattr(keeper, "RUN_CHECK_SECONDS", 0.02)
    monkeypatch.setattr(keeper, "_RETRY_SECONDS", 0.02)
    yield
    over.set()


@pytest.mark.usefixtures("cut_off")
def test_who_is_cut_off_stops_before_another_may_begin(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no renewal is answered the code stops by its own clock, while the server still keeps its slots for it."""
    monkeypatch.setattr(keeper, "_MARGIN_SECONDS", 59.8)
    backend.limit("db", 1)
    held_at_end: list[int] = []

    def hold() -> None:
        with sync.concurrency("db", lease_duration=60, strict=True):
            try:
                while True:
                    pass
            except BaseException:
                held_at_end.append(backend.active("db"))
                raise

    with pytest.raises(ConcurrencyLeaseLostError, match="could not be renewed in time"):
        hold()
    assert [1] == held_at_end


@pytest.mark.usefixtures("cut_off")
def test_a_run_that_is_cut_off_stops_what_it_holds_strictly(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run it is the same: the server keeps its slots for 60 s after it fell silent, and the block is over then."""
    monkeypatch.setattr(keeper, "_MARGIN_SECONDS", 59.8)
    backend.limit("db", 1)

    @flow
    def etl() -> None:
        Way(False).hold_until_stopped("db", lambda: None, strict=True)

    assert isinstance(etl(return_state=True).data, ConcurrencyLeaseLostError)


def test_who_stood_still_does_not_go_on_with_lost_slots(
    backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped for longer than its lease, and continues, ends its block without asking anybody."""
    missed = [0.0]
    monkeypatch.setattr(keeper, "elapsed_seconds", lambda: elapsed_seconds() + missed[0])
    monkeypatch.setattr(RENEW, _refuse)
    backend.limit("db", 1)

    def stand_still() -> None:
        missed[0] = 300.0

    with pytest.raises(ConcurrencyLeaseLostError, match="could not be renewed in time"):
        way.hold_until_stopped("db", stand_still, lease_duration=60, strict=True)


def test_a_renewal_counts_from_when_it_was_asked_for(
    backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server answers is for how long slots are held; an answer that came late is over so much sooner."""
    monkeypatch.setattr(keeper, "_SHARE", 0.0005)
    backend.limit("db", 1)
    asked: list[float] = []

    def renew(*_: Any) -> LeaseAnswer:
        asked.append(elapsed_seconds())
        # Held for a moment longer than the margin, and so to be given up at once.
        return LeaseAnswer(lease_seconds=keeper._MARGIN_SECONDS + 0.001)

    monkeypatch.setattr(RENEW, renew)
    with pytest.raises(ConcurrencyLeaseLostError):
        way.hold_until_stopped("db", lambda: None, lease_duration=60, strict=True)
    assert asked


@pytest.mark.parametrize("returns", [True, False])
def test_a_run_whose_lease_has_ended_waits_to_be_back(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, returns: bool
) -> None:
    """Who asks for slots while the run's reports do not get through waits for these, and is refused where none does."""
    monkeypatch.setattr(slots, "OUTAGE_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(slots, "RETURN_SECONDS", 30.0 if returns else 0.05)
    backend.limit("db", 1)
    take, refused = LimitMethods.take_concurrency_slots, []

    def refuse(self: LimitMethods, *arguments: Any) -> SlotAnswer:
        if returns and len(refused) == 2:
            return take(self, *arguments)
        refused.append(1)
        raise ConflictError(409, "stale_attempt", "attempt 1 does not hold its lease")

    monkeypatch.setattr(LimitMethods, "take_concurrency_slots", refuse)

    @flow
    def etl() -> int:
        with sync.concurrency("db"):
            return backend.active("db")

    ended = etl(return_state=True)
    if returns:
        assert 1 == ended.data
    else:
        assert isinstance(ended.data, ConcurrencySlotAcquisitionError)


def test_nothing_is_left_of_who_looks_after_slots(backend: Backend, way: Way) -> None:
    """The threads that look after slots are gone with the last block."""
    backend.limit("db", 1)

    def looking() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("alisio-slots")}

    assert {"alisio-slots", "alisio-slots-end"} == way.hold("db", looking, lease_duration=60)
    wait_until(lambda: not looking())
