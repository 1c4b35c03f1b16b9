"""Named limits: who gets slots, for how long, and who comes first."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.queues import Queue
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.ids import new_id
from alisio.contract.limits import (
    ConcurrencyLimit,
    ConcurrencyLimitCreate,
    ConcurrencyLimitPatch,
    SlotAnswer,
    SlotMode,
    SlotRequest,
)
from alisio.contract.reports import Origin
from alisio.contract.states import StateType
from alisio.contract.tag_limits import MAX_TAG_LIMITS
from alisio_server.database.engine import Database
from alisio_server.database.limit_tables import concurrency_lease
from alisio_server.database.queries.concurrency_limits import get_limit
from alisio_server.errors import AlisioServerError, ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.named_limits import change_limit, create_limit, delete_limit, reset_limit
from alisio_server.orchestration.slot_leases import acquire_slots, give_back, renew_lease
from alisio_server.services import Transaction
from tests.integration.orchestration.world import World, by_hand

LEASE_SECONDS = 60.0


def limit(world: World, name: str, slots: int, **more: Any) -> None:
    """Make a named limit."""
    world.do(create_limit, ConcurrencyLimitCreate(name=name, limit=slots, **more))


def ask(world: World, *names: str, lease: UUID | None = None, **more: Any) -> SlotAnswer:
    """Ask for slots once."""
    request = SlotRequest(names=list(names), **{"lease_seconds": LEASE_SECONDS, **more})
    answer: SlotAnswer = world.do(acquire_slots, lease or new_id(), request)
    return answer


def look(world: World, name: str) -> ConcurrencyLimit:
    """Read a limit."""
    with world.database.read() as connection:
        return get_limit(world.database, connection, name)


def refusal(world: World, *names: str, **more: Any) -> str:
    """Ask for slots in vain; give back the error's code."""
    with pytest.raises(AlisioServerError) as caught:
        ask(world, *names, **more)
    return caught.value.code


def test_all_or_none(world: World) -> None:
    """Slots are taken of every limit that is named, or of none; those that are not there are told."""
    limit(world, "wide", 5)
    limit(world, "narrow", 1)
    first = new_id()

    assert ask(world, "wide", "narrow", "nowhere", lease=first) == SlotAnswer(
        granted=True, held=True, missing=["nowhere"]
    )
    second = ask(world, "narrow", "wide")
    assert (False, True) == (second.granted, second.delay_seconds > 0)
    assert (1, 1) == (look(world, "wide").active_slots, look(world, "narrow").active_slots)

    world.do(give_back, first)
    assert (0, 0) == (look(world, "wide").active_slots, look(world, "narrow").active_slots)


def test_the_same_lease_takes_slots_once(world: World) -> None:
    """An answer that was lost costs nothing: asking again gives the same slots."""
    limit(world, "db", 2)
    lease = new_id()

    assert ask(world, "db", lease=lease, slots=2).granted
    assert ask(world, "db", lease=lease, slots=2).granted
    assert 2 == look(world, "db").active_slots

    # They last from then on: who asks counts from when it asked.
    world.tick_for(45)
    assert ask(world, "db", lease=lease, slots=2).granted
    world.tick_for(45)
    assert 2 == look(world, "db").active_slots


def test_what_can_never_be_had_is_refused(world: World) -> None:
    """More slots than there are, and a rate of a limit without decay, are errors that name the limit."""
    limit(world, "db", 2)

    assert "too_many_slots" == refusal(world, "db", slots=3)
    assert "no_slot_decay" == refusal(world, "db", mode=SlotMode.RATE_LIMIT)
    assert "flow_run_not_found" == refusal(world, "db", flow_run_id=new_id(), attempt=1)


def test_an_inactive_limit_limits_nothing(world: World) -> None:
    """While a limit is switched off nobody waits for it, and nothing is counted."""
    limit(world, "db", 1, active=False)

    assert [False, False] == [ask(world, "db").held for _ in range(2)]
    world.do(change_limit, "db", ConcurrencyLimitPatch(active=True))
    assert [True, False] == [ask(world, "db").granted for _ in range(2)]


def test_who_waits_longest_comes_first(world: World) -> None:
    """Slots that come free are kept for those who waited before, even for one who wants many; who is gone is not."""
    limit(world, "db", 2)
    held = [new_id(), new_id()]
    for lease in held:
        ask(world, "db", lease=lease)
    patient, late = new_id(), new_id()
    assert not ask(world, "db", lease=patient, slots=2).granted
    world.pass_time(1)
    assert not ask(world, "db", lease=late).granted

    world.do(give_back, held[0])
    assert not ask(world, "db", lease=late).granted
    world.do(give_back, held[1])
    assert not ask(world, "db", lease=late).granted
    assert ask(world, "db", lease=patient, slots=2).granted
    world.do(give_back, patient)
    gone = new_id()
    assert ask(world, "db", lease=late).granted
    ask(world, "db", lease=gone, slots=2)
    world.pass_time(40)
    assert ask(world, "db").granted


def test_a_lease_of_its_own_is_renewed_or_ends(world: World) -> None:
    """Outside of runs slots are held while their lease is renewed, and are free when it was not."""
    limit(world, "db", 1)
    lease = new_id()
    ask(world, "db", lease=lease)

    world.tick_for(45)
    assert LEASE_SECONDS == world.do(renew_lease, lease)
    world.tick_for(45)
    assert not ask(world, "db").granted
    world.tick_for(20)
    assert ask(world, "db").granted
    with pytest.raises(ConflictError, match="not held any more"):
        world.do(renew_lease, lease)


def test_an_outage_of_ours_ends_no_lease(world: World) -> None:
    """After the clockwork was away leases are moved on once, so that their holders can renew them."""
    limit(world, "db", 1)
    lease = new_id()
    world.tick()
    ask(world, "db", lease=lease)

    world.pass_time(600)
    world.tick()
    assert not ask(world, "db").granted
    assert LEASE_SECONDS == world.do(renew_lease, lease)


def test_slots_live_and_die_with_the_run(world: World) -> None:
    """In a run slots are held by its attempt: when its executor says that it has ended they are free at once."""
    limit(world, "db", 1)
    run_id = world.started()
    asked = {"flow_run_id": run_id, "attempt": 1}
    assert ask(world, "db", **asked).granted

    waits = new_id()
    assert not ask(world, "db", lease=waits).granted
    world.report(run_id, 2, StateType.CRASHED)
    assert ask(world, "db", lease=waits).granted
    assert "stale_attempt" == refusal(world, "db", **asked)


def test_a_run_that_falls_silent_holds_its_slots_a_while_longer(world: World) -> None:
    """Nobody knows whether its code still runs: its slots go to nobody else until 60 s after its lease has ended."""
    limit(world, "db", 1)
    run_id = world.started()
    lease, waits = new_id(), new_id()
    asked = {"flow_run_id": run_id, "attempt": 1}
    ask(world, "db", lease=lease, **asked)
    assert 90.0 == world.do(renew_lease, lease)

    world.tick_for(40)
    assert StateType.CRASHED == world.read(run_id).state_type
    assert not ask(world, "db", lease=waits).granted
    assert "stale_attempt" == refusal(world, "db", **asked)
    ended = world.read(run_id).state_timestamp
    assert 60.0 == world.do(renew_lease, lease) + (world.now - ended).total_seconds()
    for _ in range(9):
        world.tick_for(5)
        assert not ask(world, "db", lease=waits).granted
    world.tick_for(10)
    assert ask(world, "db", lease=waits).granted
    with pytest.raises(ConflictError, match="not held any more"):
        world.do(renew_lease, lease)


def test_the_next_attempt_waits_for_one_that_fell_silent(world: World) -> None:
    """A silent attempt may live on beside the one that is begun after it; its slots are not given to that one yet."""
    limit(world, "db", 1)
    run_id = world.started(retries=1)
    ask(world, "db", flow_run_id=run_id, attempt=1)
    world.tick_for(35)
    (job,) = world.claim()
    world.report(run_id, 1, StateType.RUNNING, attempt=job.attempt)

    waits = new_id()
    asked = {"lease": waits, "flow_run_id": run_id, "attempt": job.attempt}
    assert not ask(world, "db", **asked).granted
    for sequence in range(2, 9):
        world.tick_for(10)
        world.report(run_id, sequence, attempt=job.attempt)
        granted = ask(world, "db", **asked).granted
    assert granted


def test_a_run_that_comes_back_has_its_slots_again(world: World) -> None:
    """One that was believed dead held its slots all along, though others may have taken them meanwhile."""
    limit(world, "db", 1)
    run_id = world.started()
    ask(world, "db", flow_run_id=run_id, attempt=1)
    world.tick_for(100)
    assert 0 == look(world, "db").active_slots

    world.report(run_id, 2)
    assert 1 == look(world, "db").active_slots
    world.tick()
    assert 1 == look(world, "db").active_slots
    world.report(run_id, 3, StateType.COMPLETED)
    world.tick()
    assert ([], 0) == (world.rows(concurrency_lease), look(world, "db").active_slots)


def test_a_run_that_comes_back_and_ends_holds_nothing(world: World) -> None:
    """Once it was heard of again its slots end with it, at once, as those of any other."""
    limit(world, "db", 1)
    run_id = world.started()
    ask(world, "db", flow_run_id=run_id, attempt=1)
    world.tick_for(40)
    assert 1 == look(world, "db").active_slots

    world.report(run_id, 2, StateType.COMPLETED)
    assert 0 == look(world, "db").active_slots


def test_the_next_attempt_holds_nothing_of_the_one_before(world: World) -> None:
    """A failed attempt that is retried in place gives its named slots back, as its process has ended."""
    limit(world, "db", 1)
    run_id = world.started(retries=1)
    ask(world, "db", flow_run_id=run_id, attempt=1)

    world.report(run_id, 2, StateType.FAILED)
    assert ask(world, "db", flow_run_id=run_id, attempt=2).granted
    assert "stale_attempt" == refusal(world, "db", flow_run_id=run_id, attempt=1)


def test_a_script_holds_slots_by_its_reports(world: World) -> None:
    """A run by hand is the holder like any other, and who holds what can be seen."""
    limit(world, "db", 3)
    run_id = new_id()
    by_hand(world, run_id, 1, StateType.RUNNING)
    holder = {"type": "flow_run", "id": str(run_id)}
    ask(world, "db", slots=2, flow_run_id=run_id, attempt=1, holder=holder)

    [held] = look(world, "db").held
    assert held.holder is not None
    assert (2, run_id, run_id) == (held.slots, held.holder.id, held.flow_run_id)
    by_hand(world, run_id, 2, StateType.COMPLETED)
    assert [] == look(world, "db").held


def test_rates_come_back_by_the_clock(world: World) -> None:
    """A limit with decay lets its slots be taken at once, and then as many as come back a second."""
    limit(world, "api", 2, slot_decay_per_second=0.5)
    rate = {"mode": SlotMode.RATE_LIMIT}

    assert [True, True] == [ask(world, "api", **rate).granted for _ in range(2)]
    waits = new_id()
    assert 2.0 == pytest.approx(ask(world, "api", lease=waits, **rate).delay_seconds)
    assert 4.0 == pytest.approx(ask(world, "api", **rate).delay_seconds)
    world.pass_time(1.9)
    assert not ask(world, "api", lease=waits, **rate).granted
    world.pass_time(0.1)
    assert ask(world, "api", lease=waits, **rate) == SlotAnswer(granted=True)
    assert 2 == look(world, "api").active_slots


def test_a_rate_that_is_changed_counts_from_then(world: World) -> None:
    """What has come back until a change came back at the old rate; without a rate nothing decays."""
    limit(world, "api", 10, slot_decay_per_second=1)
    ask(world, "api", slots=10)
    world.pass_time(4)

    world.do(change_limit, "api", ConcurrencyLimitPatch(slot_decay_per_second=0.25))
    assert 6 == look(world, "api").active_slots
    world.pass_time(4)
    assert 5 == look(world, "api").active_slots
    world.do(change_limit, "api", ConcurrencyLimitPatch(slot_decay_per_second=0))
    assert 0 == look(world, "api").active_slots


def test_limits_are_made_renamed_reset_and_deleted(world: World) -> None:
    """A name is one limit's; a reset gives all slots back; one that is gone limits nothing."""
    limit(world, "db", 1)
    limit(world, "other", 1)
    with pytest.raises(ConflictError, match="'db' already"):
        limit(world, "db", 2)
    with pytest.raises(ConflictError, match="'other' already"):
        world.do(change_limit, "db", ConcurrencyLimitPatch(name="other"))
    with pytest.raises(InvalidInputError, match="limit cannot be null"):
        world.do(change_limit, "db", ConcurrencyLimitPatch(limit=None))

    world.do(change_limit, "db", ConcurrencyLimitPatch(name="store", limit=2))
    ask(world, "store", slots=2)
    world.do(reset_limit, "store")
    assert (0, 2) == (look(world, "store").active_slots, look(world, "store").limit)
    ask(world, "store")
    world.do(delete_limit, "store")
    assert ["store"] == ask(world, "store").missing
    with pytest.raises(NotFoundError, match="alisio gcl create store"):
        world.do(delete_limit, "store")


def test_reports_are_answered_with_the_limited_tags(world: World) -> None:
    """Executors hear which tags have a limit, without asking; one that is switched off is none."""
    run_id = new_id()
    assert [] == by_hand(world, run_id, 1, StateType.RUNNING).limited_tags

    limit(world, "tag:db", 1)
    limit(world, "tag:api", 1)
    limit(world, "store", 1)
    assert ["api", "db"] == by_hand(world, run_id, 2).limited_tags
    world.do(change_limit, "tag:api", ConcurrencyLimitPatch(active=False))
    assert ["db"] == world.report(run_id, 3, origin=Origin.SCRIPT).limited_tags


def _take_and_give_back(url: str, rounds: int, found: Queue[int]) -> None:
    """Take a slot, count how many are taken, and give it back, in a process of its own."""
    database = Database(url)
    for _ in range(rounds):
        lease, granted = new_id(), False
        while not granted:
            with database.write() as connection:
                request = SlotRequest(names=["b", "a"], lease_seconds=LEASE_SECONDS)
                granted = acquire_slots(Transaction(connection, database), lease, request).granted
        with database.write() as connection:
            found.put(get_limit(database, connection, "a").active_slots)
            give_back(Transaction(connection, database), lease)
    database.dispose()


def test_two_processes_at_once_never_hold_too_many(world: World, database_url: str) -> None:
    """Processes that take slots of the same limits at the same time take turns, and none is taken twice."""
    limit(world, "a", 2)
    limit(world, "b", 2)
    context = get_context("spawn")
    found: Queue[int] = context.Queue()
    processes = [context.Process(target=_take_and_give_back, args=(database_url, 15, found)) for _ in range(3)]
    for process in processes:
        process.start()
    seen = [found.get(timeout=60) for _ in range(45)]
    for process in processes:
        process.join(timeout=30)

    assert [0, 0, 0] == [process.exitcode for process in processes]
    assert {1, 2} >= set(seen)
    assert 0 == look(world, "a").active_slots


def test_a_ticket_is_forgotten_with_its_time(world: World) -> None:
    """Of somebody who waits and does not come back nothing is left after a tick."""
    limit(world, "db", 1)
    held = new_id()
    ask(world, "db", lease=held)
    ask(world, "db")

    world.do(renew_lease, held)
    world.pass_time(timedelta(seconds=30).total_seconds())
    world.tick()
    assert [held] == [row.id for row in world.rows(concurrency_lease)]


def test_how_many_tags_may_have_a_limit_is_bounded(world: World) -> None:
    """Every run is told of each with every report; limits that are not of tags are no matter."""
    for number in range(MAX_TAG_LIMITS):
        limit(world, f"tag:t{number}", 1)
    limit(world, "other", 1)

    with pytest.raises(ConflictError, match="500 tags have a limit already") as caught:
        limit(world, "tag:one-more", 1)
    assert "too_many_tag_limits" == caught.value.code
    with pytest.raises(ConflictError, match="500 tags have a limit already"):
        world.do(change_limit, "other", ConcurrencyLimitPatch(name="tag:one-more"))
    world.do(change_limit, "tag:t0", ConcurrencyLimitPatch(name="tag:another"))
    world.do(delete_limit, "tag:t1")
    limit(world, "tag:one-more", 1)
