"""Overlap policies: runs of one schedule that are never executed at once, and what becomes of those that wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from alisio.contract.deployments import BackfillRequest, ScheduleSpec
from alisio.contract.overlap import Overlap
from alisio.contract.states import StateType
from alisio.contract.work_pools import Job
from alisio_server.database.tables import flow_run
from alisio_server.orchestration.backfills import backfill
from alisio_server.orchestration.removal import delete_run
from alisio_server.orchestration.stored_runs import load_run
from tests.integration.orchestration.world import World


def scheduled(world: World, overlap: Overlap, **deployed: object) -> list[UUID]:
    """Deploy a schedule of every five minutes; give its first three runs."""
    world.deploy(ScheduleSpec(interval_seconds=300, slug="often", overlap=overlap), **deployed)
    return runs(world)


def runs(world: World) -> list[UUID]:
    """Give the runs of schedules by their times."""
    made = world.rows(flow_run, flow_run.c.occurrence.is_not(None))
    return [row.id for row in sorted(made, key=lambda row: row.occurrence)]


def begin(world: World) -> list[UUID]:
    """Claim what may be claimed, and let it begin."""
    jobs: list[Job] = world.claim()
    for job in jobs:
        world.report(job.flow_run_id, 1, StateType.RUNNING, attempt=job.attempt)
    return [job.flow_run_id for job in jobs]


def test_runs_overlap_where_nothing_is_said(world: World) -> None:
    """Without a policy a run starts at its time, whatever the ones before it do."""
    first, second, _ = scheduled(world, Overlap.ALLOW)
    world.pass_time(600)
    assert [first, second] == begin(world)


def test_a_queued_run_starts_when_the_earlier_one_ends(world: World) -> None:
    """With `queue` a run waits, says so, is not called Late, and is rung for when the earlier one has ended."""
    first, second, _ = scheduled(world, Overlap.QUEUE)
    world.pass_time(300)
    assert [first] == begin(world)
    world.pass_time(300)
    assert [] == begin(world)
    world.pass_time(60)
    world.report(first, 2)
    world.tick()
    assert ["Scheduled", "AwaitingConcurrencySlot"] == world.history(second)
    world.bell.take()
    world.report(first, 3, StateType.COMPLETED)
    assert [second] == [wake_up.flow_run_id for wake_up in world.bell.take()]
    assert [second] == begin(world)


def test_a_run_that_waited_and_is_not_claimed_is_late(world: World) -> None:
    """Once nothing stands before it any more, a run that nobody claims is Late like any other."""
    first, second, _ = scheduled(world, Overlap.QUEUE)
    world.pass_time(300)
    begin(world)
    world.pass_time(320)
    world.report(first, 2)
    world.tick()
    world.report(first, 3, StateType.COMPLETED)
    world.tick()
    assert ["Scheduled", "AwaitingConcurrencySlot", "Late"] == world.history(second)


@pytest.mark.parametrize("by_tick", [True, False])
def test_a_run_is_skipped_while_an_earlier_one_is_executed(world: World, by_tick: bool) -> None:
    """With `skip` a run whose time comes is cancelled, by the next claim or tick, and the schedule goes on."""
    first, second, third = scheduled(world, Overlap.SKIP)
    world.pass_time(300)
    assert [first] == begin(world)
    world.pass_time(300)
    world.report(first, 2)
    if by_tick:
        assert 1 == world.tick().held_back
    else:
        assert [] == world.claim()
    row = world.read(second)
    why = "Skipped: an earlier run of its schedule had not ended."
    assert ("CANCELLED", why) == (row.state_type, row.state_message)
    world.report(first, 3, StateType.COMPLETED)
    world.pass_time(300)
    assert [third] == begin(world)


def test_nothing_is_skipped_for_a_run_that_has_not_begun(world: World) -> None:
    """After an hour without agents the earliest run that waits is executed, and only then the others are skipped."""
    scheduled(world, Overlap.SKIP)
    world.pass_time(600)
    world.tick()
    first, second, *_ = runs(world)
    assert "SCHEDULED" == world.read(second).state_type
    assert [first] == begin(world)
    world.tick()
    assert "CANCELLED" == world.read(second).state_type


def test_a_skipped_run_that_a_person_retries_waits(world: World) -> None:
    """What a person asks for is not skipped again: it waits for its turn."""
    first, second, _ = scheduled(world, Overlap.SKIP)
    world.pass_time(300)
    begin(world)
    world.pass_time(300)
    world.report(first, 2)
    world.tick()
    world.retry(second)
    world.tick()
    assert "AwaitingConcurrencySlot" == world.read(second).state_name
    world.report(first, 3, StateType.COMPLETED)
    assert [second] == begin(world)


def test_the_newer_run_has_the_older_one_cancelled(world: World) -> None:
    """With `cancel_older` the executor of the earlier run is told to stop, and the newer one starts after that."""
    first, second, _ = scheduled(world, Overlap.CANCEL_OLDER)
    world.pass_time(300)
    assert [first] == begin(world)
    world.pass_time(295)
    assert ["RUNNING"] == [world.report(first, 2).state.type]
    world.pass_time(5)
    assert [] == begin(world)
    assert "Cancelled: the next run of its schedule fell due." == world.read(first).state_message
    assert "cancel" == world.report(first, 3).directives[0].kind
    assert "AwaitingConcurrencySlot" == world.read(second).state_name
    world.report(first, 4, StateType.CANCELLED)
    assert [second] == begin(world)


def test_an_older_run_that_is_locked_is_cancelled_all_the_same(world: World) -> None:
    """With `cancel_older` the newer run stays undecided while a report on the earlier one is being stored."""
    if world.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    first, second, _ = scheduled(world, Overlap.CANCEL_OLDER)
    world.pass_time(300)
    assert [first] == begin(world)
    world.pass_time(295)
    world.report(first, 2)
    world.pass_time(5)
    with world.transaction() as tx:
        load_run(tx, first)
        assert [] == world.claim()
        world.tick()
    assert ("Running", "Scheduled") == (world.read(first).state_name, world.read(second).state_name)
    world.tick()
    assert "cancel" == world.report(first, 3).directives[0].kind


def test_of_many_that_wait_the_newest_is_left(world: World) -> None:
    """With `cancel_older` the runs that nobody claimed in time make place for the newest."""
    ids = scheduled(world, Overlap.CANCEL_OLDER)
    world.pass_time(900)
    world.tick()
    assert ids[2:] == begin(world)
    assert ["CANCELLED", "CANCELLED"] == [world.read(run_id).state_type for run_id in ids[:2]]


def test_a_retried_older_run_waits_for_the_newer_one(world: World) -> None:
    """A retry by hand of an earlier run starts when the newer one, which is executed, has ended."""
    first, second, _ = scheduled(world, Overlap.QUEUE)
    world.pass_time(300)
    begin(world)
    world.report(first, 2, StateType.COMPLETED)
    world.pass_time(300)
    assert [second] == begin(world)
    world.retry(first)
    assert [] == begin(world)
    world.report(second, 2, StateType.COMPLETED)
    assert [first] == begin(world)


def test_a_retry_keeps_its_place(world: World) -> None:
    """While an earlier run waits for its retry, the next one does not start."""
    first, second, _ = scheduled(world, Overlap.QUEUE, retries=1, retry_delays=[400])
    world.pass_time(300)
    begin(world)
    world.report(first, 2, StateType.FAILED)
    world.pass_time(300)
    assert [] == begin(world)
    world.pass_time(100)
    assert [first] == begin(world)
    world.report(first, 2, StateType.COMPLETED, attempt=2)
    assert [second] == begin(world)


def test_a_deleted_run_makes_way(world: World) -> None:
    """A waiting run that a person deletes stands before none."""
    first, second, _ = scheduled(world, Overlap.QUEUE)
    world.pass_time(600)
    world.do(delete_run, first)
    assert [second] == begin(world)


def test_claims_at_once_start_one_run(world: World) -> None:
    """Of eight claims at the same moment one gets the run that may start."""
    first, *_ = scheduled(world, Overlap.QUEUE)
    world.pass_time(900)
    with ThreadPoolExecutor(8) as pool:
        jobs = [job.flow_run_id for claimed in pool.map(lambda _: world.claim(), range(8)) for job in claimed]
    assert [first] == jobs


def test_blocked_runs_do_not_hold_up_others(world: World) -> None:
    """Runs of other deployments in the same queue are claimed past many that wait."""
    scheduled(world, Overlap.QUEUE)
    world.pass_time(900)
    begin(world)
    other = world.run(world.deploy(name="other"))
    assert [other] == [job.flow_run_id for job in world.claim(slots=1)]


def test_a_redeploy_changes_the_policy_of_runs_that_go_on(world: World) -> None:
    """A policy that is set while a run is executed holds for it: the next one waits."""
    first, second, _ = scheduled(world, Overlap.ALLOW)
    world.pass_time(300)
    begin(world)
    scheduled(world, Overlap.QUEUE)
    world.pass_time(300)
    assert [] == begin(world)
    scheduled(world, Overlap.ALLOW)
    assert [second] == begin(world)
    assert "RUNNING" == world.read(first).state_type


@pytest.mark.parametrize("overlap", [Overlap.QUEUE, Overlap.SKIP, Overlap.CANCEL_OLDER])
def test_backfilled_runs_let_those_of_the_hour_go_first(world: World, overlap: Overlap) -> None:
    """Backfilled runs are executed one after the other, neither skip nor are cancelled, and block no later one."""
    deployment_id = world.deploy(ScheduleSpec(interval_seconds=300, slug="often", overlap=overlap))
    live = runs(world)[0]
    span = {"start": world.now - timedelta(minutes=10), "end": world.now}
    assert 3 == world.do(backfill, deployment_id, BackfillRequest(**span)).created
    old = runs(world)[:3]
    assert old[:1] == begin(world)
    world.pass_time(300)
    world.report(old[0], 2)
    world.tick()
    assert [] == begin(world)
    world.report(old[0], 3, StateType.COMPLETED)
    assert [live] == begin(world)
    world.report(live, 2, StateType.COMPLETED)
    assert old[1:2] == begin(world)
