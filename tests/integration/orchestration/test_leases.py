"""Leases: renewed by agents and executors, ended by the clockwork, spared after an outage of ours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alisio.contract.ids import new_id
from alisio.contract.reports import Origin, RunFacts
from alisio.contract.states import StateType
from alisio_server.database.tables import agent
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.tick import tick
from tests.integration.orchestration.world import TICK_SECONDS, World

RUNNING, COMPLETED = StateType.RUNNING, StateType.COMPLETED


# --- the agent's lease


def test_a_beat_renews_what_the_agent_starts(world: World) -> None:
    """An agent's beat renews the leases of its PENDING runs, but never past their start timeout."""
    run_id = world.run(world.deploy())
    (job,) = world.claim()
    world.pass_time(20)
    assert [] == world.beat(job).lost
    assert world.now + timedelta(seconds=30) == world.read(run_id).lease_until
    world.pass_time(25)
    world.beat(job)
    row = world.read(run_id)
    assert row.start_by == row.lease_until
    world.pass_time(16)
    assert [run_id] == world.beat(job).lost


def test_a_beat_tells_what_is_lost(world: World) -> None:
    """An agent hears which of its runs were cancelled, or taken over by their supervisor, or never its own."""
    deployment_id = world.deploy()
    runs = [world.run(deployment_id) for _ in range(3)]
    jobs = {job.flow_run_id: job for job in world.claim()}
    world.cancel(runs[0])
    world.report(runs[1], 1, RUNNING)
    assert set(runs[:2]) == set(world.beat(*jobs.values()).lost)
    assert set(runs) == set(world.beat(*jobs.values(), agent_id=new_id()).lost)


def test_an_agent_of_no_pool_is_refused(world: World) -> None:
    """The line says how to make the pool."""
    with pytest.raises(NotFoundError, match="alisio work-pool create reef"):
        world.beat(pool="reef")


def test_a_beat_keeps_when_the_agent_was_first_seen(world: World) -> None:
    """An agent is one row, which its beats bring up to date."""
    first = world.now
    world.pass_time(10)
    world.beat(limit=4, queues=["default"], stopping=True)
    (row,) = world.rows(agent)
    assert (first, world.now, 4, ["default"], True) == (
        row.first_seen,
        row.last_seen,
        row.run_limit,
        row.queues,
        row.stopping,
    )


def test_agents_are_forgotten_after_a_week(world: World) -> None:
    """An agent that was not heard of for seven days is removed."""
    world.pass_time(7 * 86_400 - 1)
    world.tick()
    assert 1 == len(world.rows(agent))
    world.pass_time(2)
    world.tick()
    assert [] == world.rows(agent)


def test_a_pending_run_goes_back_without_using_a_retry(world: World) -> None:
    """When an agent dies before the start, the run is SCHEDULED again, rung for, and claimed by another agent."""
    run_id = world.run(world.deploy(retries=1))
    world.tick()
    world.claim()
    world.bell.take()
    world.tick_for(35)
    row = world.read(run_id)
    assert ("SCHEDULED", 0, 0) == (row.state_type, row.retries_used, world.slots())
    assert run_id in [wake_up.flow_run_id for wake_up in world.bell.take()]
    other = new_id()
    world.beat(agent_id=other)
    (job,) = world.claim(agent_id=other)
    assert 2 == job.attempt


def test_what_a_stopping_agent_hands_back_goes_to_another_at_once(world: World) -> None:
    """The run is SCHEDULED again and rung for, its slots are free, and neither a retry nor a claim was used."""
    run_id = world.run(world.deploy(retries=1))
    (job,) = world.claim()
    world.bell.take()
    world.hand_back(job)
    row = world.read(run_id)
    assert ("SCHEDULED", 0, 0, 0) == (row.state_type, row.retries_used, row.unstarted_claims, world.slots())
    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]
    other = new_id()
    world.beat(agent_id=other)
    (again,) = world.claim(agent_id=other)
    assert (run_id, 2) == (again.flow_run_id, again.attempt)


def test_only_what_an_agent_still_holds_is_taken_back(world: World) -> None:
    """What has begun, was cancelled, is another agent's or is gone stays as it is; the others go back all the same."""
    deployment_id = world.deploy()
    for _ in range(4):
        world.run(deployment_id)
    begun, cancelled, held = world.claim(3)
    other = new_id()
    world.beat(agent_id=other)
    (foreign,) = world.claim(agent_id=other)
    world.report(begun.flow_run_id, 1, RUNNING)
    world.cancel(cancelled.flow_run_id)
    unknown = held.model_copy(update={"flow_run_id": new_id()})
    world.hand_back(begun, cancelled, foreign, unknown, held)
    states = [world.read(job.flow_run_id).state_type for job in (begun, cancelled, foreign, held)]
    assert ["RUNNING", "CANCELLED", "PENDING", "SCHEDULED"] == states


def test_five_claims_that_never_start_crash_the_run(world: World) -> None:
    """The count is kept in the database; the reason of the last one is in the message."""
    run_id = world.run(world.deploy())
    for _ in range(5):
        (job,) = world.claim()
        world.fail_start(job, final=False, message="no room for a process")
        world.pass_time(60)
    row = world.read(run_id)
    assert ("CRASHED", None, None) == (row.state_type, row.wake_at, row.lease_until)
    assert "Claimed 5 times and never started; the last time: no room for a process" == row.state_message


def test_a_start_resets_the_count_of_claims(world: World) -> None:
    """Only claims in a row count: a run that once started begins anew."""
    run_id = world.run(world.deploy(retries=9))
    for _ in range(4):
        (job,) = world.claim()
        world.fail_start(job, final=False)
        world.pass_time(60)
    (job,) = world.claim()
    world.report(run_id, 1, RUNNING, StateType.CRASHED, attempt=job.attempt)
    assert ("SCHEDULED", 0) == (world.read(run_id).state_type, world.read(run_id).unstarted_claims)


def test_a_start_that_can_never_succeed_crashes_the_run(world: World) -> None:
    """A final start failure says why, and gives lease and slots back."""
    run_id = world.run(world.deploy())
    (job,) = world.claim()
    world.fail_start(job, final=True, message="the folder does not exist")
    row = world.read(run_id)
    assert ("CRASHED", "the folder does not exist", 0) == (row.state_type, row.state_message, world.slots())


def test_a_start_failure_of_another_agent_is_refused(world: World) -> None:
    """Only who holds a run can say that it does not start."""
    world.run(world.deploy())
    (job,) = world.claim()
    world.agent_id = new_id()
    with pytest.raises(ConflictError) as caught:
        world.fail_start(job, final=True)
    assert "stale_attempt" == caught.value.code


# --- the executor's lease


def test_a_silent_executor_is_crashed(world: World) -> None:
    """When supervisor or host die, the run is CRASHED within 35 s on a laptop."""
    run_id = world.started()
    world.tick()
    world.tick_for(30)
    assert "RUNNING" == world.read(run_id).state_type
    world.tick_for(5)
    row = world.read(run_id)
    assert ("CRASHED", True, 0) == (row.state_type, row.provisional, world.slots())


def test_a_silent_executor_costs_a_retry(world: World) -> None:
    """With retries left a lost run goes round again, as its next attempt; the history shows the crash."""
    run_id = world.started(retries=1)
    world.tick()
    world.tick_for(35)
    assert ["Crashed", "AwaitingRetry"] == world.history(run_id)[-2:]
    (job,) = world.claim()
    assert 2 == job.attempt
    with pytest.raises(ConflictError):
        world.report(run_id, 2)


def test_a_run_by_hand_that_falls_silent_is_crashed(world: World) -> None:
    """A script that was killed leaves a run that ends with its lease; the server never retries it."""
    run_id = new_id()
    facts = RunFacts(flow_name="tide", retries=3)
    world.report(run_id, 1, RUNNING, origin=Origin.SCRIPT, facts=facts)
    world.tick()
    world.tick_for(35)
    assert "CRASHED" == world.read(run_id).state_type


def test_a_laptop_that_slept_comes_back(world: World) -> None:
    """A run given up for its silence is RUNNING again with the same attempt's next report; history has both."""
    run_id = world.started()
    world.tick()
    world.tick_for(35)
    answer = world.report(run_id, 2)
    assert RUNNING is answer.state.type
    row = world.read(run_id)
    assert (False, None, 2) == (row.provisional, row.ended, world.slots())
    assert ["Running", "Crashed", "Running"] == world.history(run_id)[-3:]
    world.report(run_id, 3, COMPLETED)
    assert ("COMPLETED", 0) == (world.read(run_id).state_type, world.slots())


def test_a_script_that_slept_comes_back(world: World) -> None:
    """A run by hand is RUNNING again too; it holds no slots, as it never did."""
    run_id = new_id()
    world.report(run_id, 1, RUNNING, origin=Origin.SCRIPT, facts=RunFacts(flow_name="tide"))
    world.tick()
    world.tick_for(35)
    assert RUNNING is world.report(run_id, 2, origin=Origin.SCRIPT).state.type
    assert 0 == world.slots()


def test_one_who_comes_back_may_have_finished(world: World) -> None:
    """The first word after the silence may be the end."""
    run_id = world.started()
    world.tick()
    world.tick_for(35)
    assert COMPLETED is world.report(run_id, 2, COMPLETED).state.type
    assert ["Running", "Crashed", "Completed"] == world.history(run_id)[-3:]


def test_one_who_comes_back_before_the_retry_is_claimed_goes_on(world: World) -> None:
    """While no newer attempt was opened, the old executor keeps the run, and the retry is given back."""
    run_id = world.started(retries=1)
    world.tick()
    world.tick_for(35)
    assert RUNNING is world.report(run_id, 2).state.type
    row = world.read(run_id)
    assert (0, None) == (row.retries_used, row.wake_at)
    assert [] == world.claim()


def test_a_retry_by_hand_shuts_the_old_executor_out(world: World) -> None:
    """Once a person has retried a run that was given up, its old executor is stale."""
    run_id = world.started()
    world.tick()
    world.tick_for(35)
    world.retry(run_id)
    with pytest.raises(ConflictError) as caught:
        world.report(run_id, 2)
    assert "stale_attempt" == caught.value.code


def test_a_cancel_that_nobody_hears_ends_with_the_lease(world: World) -> None:
    """A run that was CANCELLING when its executor died is CANCELLED."""
    run_id = world.started(retries=3)
    world.cancel(run_id)
    world.tick()
    world.tick_for(35)
    assert "CANCELLED" == world.read(run_id).state_type


def test_a_supervisor_that_dies_before_its_retry_gives_the_run_back(world: World) -> None:
    """A run that waited to be retried in place is claimed again when its supervisor is gone."""
    run_id = world.started(retries=1, retry_delays=[10])
    world.report(run_id, 2, StateType.FAILED)
    world.tick()
    world.tick_for(45)
    (job,) = world.claim()
    assert 3 == job.attempt
    assert 1 == world.read(run_id).retries_used


# --- the guard


def start_many(world: World, count: int) -> None:
    """Start runs, each by its supervisor."""
    deployment_id = world.deploy()
    for _ in range(count):
        world.run(deployment_id)
    for job in world.claim(100):
        world.report(job.flow_run_id, 1, RUNNING)


def test_an_outage_of_ours_crashes_nobody(world: World) -> None:
    """After a tick that comes too late every live lease is moved on, once; then silence counts again."""
    run_id = world.started()
    world.tick()
    world.pass_time(3 * TICK_SECONDS + 60)
    assert 1 == world.tick().extended
    assert "RUNNING" == world.read(run_id).state_type
    world.tick_for(30)
    assert "RUNNING" == world.read(run_id).state_type
    world.tick_for(5)
    assert "CRASHED" == world.read(run_id).state_type


def test_a_lease_is_moved_on_once_only(world: World) -> None:
    """A second outage does not spare who was not heard of since the first one."""
    run_id = world.started()
    world.tick()
    world.pass_time(60)
    world.tick()
    world.pass_time(60)
    summary = world.tick()
    assert (0, 1) == (summary.extended, summary.ended)
    assert "CRASHED" == world.read(run_id).state_type


def test_a_report_makes_a_lease_one_to_be_spared_again(world: World) -> None:
    """Who was heard of after an outage is spared by the guard at the next one."""
    run_id = world.started()
    world.tick()
    world.pass_time(60)
    world.tick()
    world.report(run_id, 2)
    world.pass_time(60)
    assert 1 == world.tick().extended


def test_leases_that_end_in_a_mass_are_spared_once(world: World) -> None:
    """Five leases of ten that end in one pass look like an outage of ours."""
    start_many(world, 5)
    world.pass_time(20)
    start_many(world, 5)
    world.tick()
    world.pass_time(11)
    summary = world.tick()
    assert 0 == summary.ended
    assert 10 == summary.extended
    world.tick_for(35)
    assert 0 == world.slots()


def test_few_leases_that_end_are_no_mass(world: World) -> None:
    """Four runs whose host died are CRASHED without delay."""
    start_many(world, 4)
    world.tick()
    world.tick_for(35)
    assert 0 == world.slots()


def test_the_first_tick_of_all_is_no_outage(world: World) -> None:
    """Where no tick ever was, none is missing."""
    world.started()
    assert 0 == tick(world.services, TICK_SECONDS).extended
