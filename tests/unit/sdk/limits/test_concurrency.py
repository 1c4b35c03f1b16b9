"""`concurrency` and `rate_limit`, in code that blocks and in code that awaits."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from alisio import flow, task
from alisio.client import shared
from alisio.concurrency import asyncio as for_async
from alisio.concurrency import keeper, slots
from alisio.concurrency import sync as for_sync
from alisio.concurrency.sync import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencyLeaseLostError,
    ConcurrencySlotAcquisitionError,
    ConcurrencySlotReleaseError,
)
from alisio.contract.limits import HeldSlots
from alisio.exceptions import ApiUnreachableError
from alisio.runtime import flow_run, task_run
from tests.unit.sdk.limits.conftest import Backend, Way
from tests.waiting import wait_until


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged about slots while the test runs."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("alisio.concurrency")
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)


def held_of(backend: Backend, name: str) -> HeldSlots:
    """Give the one lease that holds slots of a limit."""
    [held] = backend.client.read_global_concurrency_limit_by_name(name).held
    return held


def test_slots_are_held_in_the_block(backend: Backend, way: Way) -> None:
    """Slots of every limit are held while the block lasts, and given back after it, whatever it does."""
    backend.limit("db", 3)
    backend.limit("api", 1)

    look = lambda: (backend.active("db"), backend.active("api"))  # noqa: E731
    assert (1, 1) == way.hold(["db", "api", "db"], look)
    with pytest.raises(ZeroDivisionError):
        way.hold("db", lambda: 1 // 0, occupy=3)
    assert (0, 0) == look()


def test_limits_that_are_not_there(backend: Backend, way: Way, warnings: list[str]) -> None:
    """Nothing is limited by a limit that is not there, which is said; it is an error where `strict` is set."""
    backend.limit("db", 1)

    assert 1 == way.hold(["db", "nowhere"], lambda: backend.active("db"))
    assert ["there is no concurrency limit 'nowhere': nothing is limited by it"] == warnings
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no concurrency limit 'nowhere'"):
        way.hold(["db", "nowhere"], lambda: None, strict=True)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no concurrency limit 'nowhere'"):
        way.hurry("nowhere", strict=True)
    assert 0 == backend.active("db")
    assert "free" == way.hold([], lambda: "free")


def test_what_can_never_be_had(backend: Backend, way: Way) -> None:
    """More slots than there are, and a rate where there is none, are errors at once."""
    backend.limit("db", 2)

    with pytest.raises(ConcurrencySlotAcquisitionError, match="'db' has 2 slots, fewer than the 3"):
        way.hold("db", lambda: None, occupy=3)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'db' has no slot decay"):
        way.hurry("db")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="none of / %"):
        way.hold("a/b", lambda: None)


def test_waiting_ends(backend: Backend, way: Way) -> None:
    """After `timeout_seconds`, or `max_retries`, waiting is over, and no place in the queue is left behind."""
    backend.limit("db", 1)

    def wait_in_vain() -> None:
        with pytest.raises(AcquireConcurrencySlotTimeoutError, match="'db' were not free within 0 s"):
            way.hold("db", lambda: None, timeout_seconds=0)
        with pytest.raises(TimeoutError):
            way.hold("db", lambda: None, timeout_seconds=0.15)
        with pytest.raises(ConcurrencySlotAcquisitionError, match="not free in 2 tries"):
            way.hold("db", lambda: None, max_retries=1)

    way.hold("db", wait_in_vain)
    assert "mine" == way.hold("db", lambda: "mine", timeout_seconds=0)


def test_who_waits_is_woken_by_its_neighbour(backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one of its process that gives the slot back has it ask at once, however long it was told to wait."""
    told: list[float] = []
    monkeypatch.setattr(slots._Asking, "_delay", lambda *_: told.append(100.0) or told[-1])
    backend.limit("db", 1)

    with ThreadPoolExecutor(1) as pool:
        with for_sync.concurrency("db"):
            waits = pool.submit(way.hold, "db", lambda: "mine")
            wait_until(lambda: told)
        assert "mine" == waits.result(60)


def test_many_of_one_process_take_turns(backend: Backend, way: Way) -> None:
    """All that want a slot get it, one after the other."""
    backend.limit("db", 1)
    most: list[int] = []

    def work() -> None:
        most.append(backend.active("db"))

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(way.hold, "db", work) for _ in range(8)]:
            future.result(60)

    assert [1] * 8 == most


def test_coroutines_of_one_loop_take_turns(backend: Backend) -> None:
    """Coroutines that wait do not hold up the loop that they wait in."""
    backend.limit("db", 2)
    now, most = 0, 0

    async def work(full: asyncio.Event) -> None:
        nonlocal now, most
        async with for_async.concurrency("db"):
            now += 1
            most = max(most, now)
            if now == 2:
                full.set()
            await asyncio.wait_for(full.wait(), 60)
            await asyncio.sleep(0.01)
            now -= 1

    async def main() -> None:
        full = asyncio.Event()
        await asyncio.gather(*(work(full) for _ in range(10)))

    asyncio.run(main())
    assert 2 == most
    assert 0 == backend.active("db")


def test_a_cancelled_coroutine_leaves_nothing_behind(backend: Backend) -> None:
    """One that is cancelled while it waits, or while it holds slots, has neither a place nor a slot afterwards."""
    backend.limit("db", 1)

    async def hold_for_ever(begun: asyncio.Event) -> None:
        async with for_async.concurrency("db"):
            begun.set()
            await asyncio.Event().wait()

    async def main() -> None:
        begun = asyncio.Event()
        holder = asyncio.create_task(hold_for_ever(begun))
        await begun.wait()
        waiter = asyncio.create_task(hold_for_ever(asyncio.Event()))
        await asyncio.sleep(0.05)
        waiter.cancel()
        holder.cancel()
        assert [True, True] == [
            isinstance(end, asyncio.CancelledError)
            for end in await asyncio.gather(holder, waiter, return_exceptions=True)
        ]

    asyncio.run(main())
    assert "mine" == Way(False).hold("db", lambda: "mine", timeout_seconds=0)


def test_a_rate_is_kept(backend: Backend, way: Way) -> None:
    """The slots there are are taken at once, and those after them as fast as they come back."""
    backend.limit("api", 2, slot_decay_per_second=20)

    began = time.monotonic()
    for _ in range(6):
        way.hurry("api")

    assert time.monotonic() - began >= 4 / 20


def test_in_a_run_slots_live_on_its_lease(backend: Backend) -> None:
    """In a flow run by hand the run holds the slots, from its first moment, and the task is shown as the holder."""
    backend.limit("db", 2)
    seen: dict[str, tuple[UUID | None, str | None]] = {}

    def look(what: str) -> None:
        held = held_of(backend, "db")
        seen[what] = (held.flow_run_id, None if held.holder is None else str(held.holder.id))

    @task
    def query() -> str:
        with for_sync.concurrency("db"):
            look("task")
            return str(task_run.id)

    @flow
    def etl() -> tuple[str, str]:
        with for_sync.concurrency("db"):
            look("flow")
        return str(flow_run.id), query()

    run_id, task_run_id = etl()
    assert {"flow": (UUID(run_id), run_id), "task": (UUID(run_id), task_run_id)} == seen
    assert 0 == backend.active("db")


def test_a_holder_can_be_named(backend: Backend, way: Way) -> None:
    """Who is said to hold slots is shown so."""
    backend.limit("db", 1)
    holder = {"type": "deployment", "id": "0190d2a4-0000-7000-8000-000000000001"}

    held: HeldSlots = way.hold("db", lambda: held_of(backend, "db"), holder=holder)
    assert held.holder is not None
    assert (holder["id"], None) == (str(held.holder.id), held.flow_run_id)


def take_away(backend: Backend, name: str) -> None:
    """Have the one lease on a limit ended, as if nothing had been heard of its holder for too long."""
    backend.client.give_concurrency_slots_back(held_of(backend, name).lease_id)


def test_a_strict_block_ends_with_its_slots(backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its slots are lost, the code of a strict block is stopped with an error that says so."""
    monkeypatch.setattr(keeper, "_SHARE", 0.001)
    backend.limit("db", 1)

    with pytest.raises(ConcurrencyLeaseLostError, match="the lease of slots of 'db' is lost"):
        way.hold_until_stopped("db", lambda: take_away(backend, "db"), lease_duration=60, strict=True)
    assert 0 == backend.active("db")


def test_a_strict_block_of_a_run_looks_after_its_slots(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run as well, where the slots live on its lease; off the main thread too."""
    monkeypatch.setattr(keeper, "RUN_CHECK_SECONDS", 0.02)
    backend.limit("db", 1)

    @flow
    def etl() -> None:
        Way(False).hold_until_stopped("db", lambda: take_away(backend, "db"), strict=True)

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(lambda: etl(return_state=True)).result(60)
    assert isinstance(ended.data, ConcurrencyLeaseLostError)


@pytest.mark.parametrize("options", [{}, {"strict": True, "raise_on_lease_renewal_failure": False}])
def test_other_blocks_go_on_without_slots(
    backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch, warnings: list[str], options: dict[str, Any]
) -> None:
    """A block that does not care is told in the log, and goes on."""
    monkeypatch.setattr(keeper, "_SHARE", 0.001)
    backend.limit("db", 1)

    def body() -> str:
        take_away(backend, "db")
        wait_until(lambda: warnings)
        return "done"

    assert "done" == way.hold("db", body, lease_duration=60, **options)
    assert "the code goes on without them" in warnings[0]


def test_leases_are_renewed(backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of runs a thread renews the lease, and is gone with the last one."""
    monkeypatch.setattr(keeper, "_SHARE", 0.0005)
    backend.limit("db", 1)
    renewals: list[UUID] = []
    renewed = keeper._renewed
    monkeypatch.setattr(keeper, "_renewed", lambda held: renewals.append(held.lease_id) or renewed(held))

    way.hold("db", lambda: wait_until(lambda: len(renewals) >= 3), lease_duration=60)
    wait_until(lambda: "alisio-slots" not in [thread.name for thread in threading.enumerate()])


def test_slots_that_cannot_be_given_back(
    backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """They come back with their lease, which is logged; with `strict` it is an error."""
    backend.limit("db", 2)

    def break_it() -> None:
        def refuse(*_: Any) -> None:
            raise ApiUnreachableError("nobody is there")

        monkeypatch.setattr(shared.shared_client(), "give_concurrency_slots_back", refuse)

    way.hold("db", break_it)
    assert "'db' could not be given back" in warnings[0]
    with pytest.raises(ConcurrencySlotReleaseError, match="nobody is there"):
        way.hold("db", break_it, strict=True)


def test_a_server_that_is_away_is_waited_for(
    backend: Backend, way: Way, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """Where nobody answers it is as with slots that are not free: `timeout_seconds` ends the waiting."""

    def refuse(*_: Any) -> None:
        raise ApiUnreachableError("nobody is there")

    monkeypatch.setattr("alisio.client.limit_methods.LimitMethods.take_concurrency_slots", refuse)
    with pytest.raises(AcquireConcurrencySlotTimeoutError):
        way.hold("db", lambda: None, timeout_seconds=0.1)
    assert ["waiting for slots of 'db': nobody is there"] == warnings


@pytest.mark.parametrize(
    ("names", "options", "named"),
    [
        ("", {}, "names"),
        ([7], {}, "names"),
        ("db", {"occupy": 0}, "occupy"),
        ("db", {"occupy": 1.5}, "occupy"),
        ("db", {"timeout_seconds": -1}, "timeout_seconds"),
        ("db", {"max_retries": -1}, "max_retries"),
        ("db", {"lease_duration": 59}, "lease_duration"),
        ("db", {"lease_duration": float("nan")}, "lease_duration"),
        ("db", {"holder": {"type": "somebody", "id": "7"}}, "holder"),
    ],
)
def test_wrong_options_are_named(way: Way, names: Any, options: dict[str, Any], named: str) -> None:
    """An option that cannot be used is an error before anybody is asked."""
    with pytest.raises(ValueError, match=f"^{named} "):
        way.hold(names, lambda: None, **options)
