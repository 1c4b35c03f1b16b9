"""Runs that stop on their way: pausing, suspending and resuming, with time limits."""

from __future__ import annotations

from functools import partial

import pytest

from alisio.contract.control import (
    MAX_LISTED_PAUSES,
    PauseReport,
    PauseStatus,
)
from alisio.contract.ids import new_id
from alisio.contract.reports import DirectiveKind
from alisio.contract.states import StateType
from alisio_server.database.control_tables import flow_run_pause
from alisio_server.database.queries.control import list_pauses
from alisio_server.orchestration.gauges import read_gauges
from alisio_server.orchestration.leases import LEASE
from alisio_server.orchestration.pauses import pause_run, resume_run, stand_at_pause
from tests.integration.orchestration.pausing import COMPLETED, PAUSED, RUNNING, refusal, resume, stand, suspend
from tests.integration.orchestration.world import World, by_hand


def test_a_paused_run_keeps_its_lease_and_goes_on_when_it_is_resumed(world: World) -> None:
    """It waits as PAUSED, reports and renews its lease, and is told to go on; asking twice does no harm."""
    run_id = world.started()
    assert PauseStatus.WAITING is stand(world, run_id).status
    assert PauseStatus.WAITING is stand(world, run_id).status
    world.tick_for(25)
    assert [] == world.report(run_id, 2).directives
    world.tick_for(25)
    assert (PAUSED, "Paused", 2) == (world.read(run_id).state_type, world.read(run_id).state_name, world.slots())

    resume(world, run_id)

    assert PauseStatus.RESUMED is stand(world, run_id).status
    world.report(run_id, 3, COMPLETED)
    assert ["Running", "Paused", "Running", "Completed"] == world.history(run_id)[-4:]


def test_a_pause_that_was_passed_stops_no_later_attempt(world: World) -> None:
    """A retried run goes through where it was resumed, and stops where it was not."""
    run_id = world.started(retries=1)
    stand(world, run_id)
    resume(world, run_id)
    world.report(run_id, 2, StateType.CRASHED)
    world.claim()
    world.report(run_id, 1, RUNNING, attempt=2)

    assert PauseStatus.RESUMED is stand(world, run_id, attempt=2).status
    assert PauseStatus.WAITING is stand(world, run_id, "second", attempt=2).status
    assert "stale_attempt" == refusal(world, stand_at_pause, run_id, PauseReport(attempt=1, key="second"))


def test_a_suspended_run_gives_all_back_and_is_claimed_again_when_it_is_resumed(world: World) -> None:
    """Without lease and slots it waits for as long as it takes; resumed, it is due at once and uses no retry."""
    run_id = world.started()
    suspend(world, run_id)
    row = world.read(run_id)
    assert (PAUSED, "Suspended", None, None, 0) == (
        row.state_type, row.state_name, row.lease_until, row.wake_at, world.slots()
    )  # fmt: skip
    world.tick_for(600)
    assert [] == world.claim()
    world.bell.take()

    resume(world, run_id)

    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]
    [job] = world.claim()
    assert (run_id, 2) == (job.flow_run_id, job.attempt)
    world.report(run_id, 1, RUNNING, attempt=2)
    assert PauseStatus.RESUMED is stand(world, run_id, attempt=2, suspends=True).status
    world.report(run_id, 2, COMPLETED, attempt=2)
    assert ["Suspended", "Resuming", "Pending", "Running", "Completed"] == world.history(run_id)[-5:]
    assert 0 == world.read(run_id).retries_used


def test_only_a_run_of_a_deployment_is_suspended(world: World) -> None:
    """A script's run may pause; nothing would start it again, so it is not suspended, and stays as it is."""
    run_id = new_id()
    by_hand(world, run_id, 1, RUNNING)
    assert "no_deployment" == refusal(world, stand_at_pause, run_id, PauseReport(attempt=1, key="k", suspends=True))
    assert RUNNING == world.read(run_id).state_type
    assert PauseStatus.WAITING is stand(world, run_id).status
    assert PAUSED == world.read(run_id).state_type


def test_a_run_that_is_not_resumed_in_time_hears_of_it(world: World) -> None:
    """Its process decides what becomes of it: it is RUNNING again, and cannot be resumed any more."""
    run_id = world.started()
    stand(world, run_id, timeout_seconds=20)
    world.pass_time(21)
    assert "pause_expired" == refusal(world, resume_run, run_id, None)

    assert PauseStatus.EXPIRED is stand(world, run_id, timeout_seconds=20).status

    assert RUNNING == world.read(run_id).state_type
    assert PauseStatus.EXPIRED is stand(world, run_id, timeout_seconds=20).status


def test_a_suspended_run_that_is_not_resumed_in_time_fails(world: World) -> None:
    """No process is there to hear of it, so the tick says so; retries are not for that."""
    run_id = world.started(retries=3)
    suspend(world, run_id, timeout_seconds=60)
    world.tick_for(55)
    assert "Suspended" == world.read(run_id).state_name
    world.pass_time(10)

    assert 1 == world.tick().expired

    row = world.read(run_id)
    assert (StateType.FAILED, "It was suspended and not resumed in time.") == (row.state_type, row.state_message)


def statuses(world: World) -> list[str]:
    """Read what has become of all pauses."""
    return [row.status for row in world.rows(flow_run_pause)]


@pytest.mark.parametrize("end", ["cancelled", "retried"])
def test_the_tick_reads_no_pause_that_nobody_stands_at(world: World, end: str) -> None:
    """Once the time of it is over, one of a run that has ended, or of an earlier attempt, waits for nobody."""
    run_id = world.started(retries=1)
    stand(world, run_id, timeout_seconds=60)
    if end == "cancelled":
        world.cancel(run_id)
        world.report(run_id, 2, StateType.CANCELLED)
    else:
        world.report(run_id, 2, StateType.CRASHED)
        world.claim()
        world.report(run_id, 1, RUNNING, attempt=2)
    world.tick()
    assert ["waiting"] == statuses(world)

    world.pass_time(61)
    world.report(run_id, 2, attempt=2) if end == "retried" else None
    assert 0 == world.tick().expired

    assert ["expired"] == statuses(world)
    if end == "retried":
        assert PauseStatus.WAITING is stand(world, run_id, attempt=2, timeout_seconds=60).status


def test_a_pause_that_its_process_waits_at_is_its_own_to_end(world: World) -> None:
    """The tick closes none where somebody stands, though its time is over: the process hears of it, and goes on."""
    run_id = world.started()
    stand(world, run_id, timeout_seconds=20)
    world.pass_time(21)
    world.report(run_id, 2)
    world.tick()

    assert PauseStatus.EXPIRED is stand(world, run_id, timeout_seconds=20).status
    assert RUNNING == world.read(run_id).state_type


def test_what_is_listed_has_a_bound(world: World) -> None:
    """The latest pauses, in the order in which the run came to them."""
    run_id = world.started()
    for number in range(MAX_LISTED_PAUSES + 2):
        world.pass_time(1)
        stand(world, run_id, f"pause-{number}")
        resume(world, run_id)

    with world.database.read() as connection:
        listed = [pause.key for pause in list_pauses(connection, run_id)]

    assert [f"pause-{number}" for number in range(2, MAX_LISTED_PAUSES + 2)] == listed


@pytest.mark.parametrize("suspends", [False, True])
def test_a_wish_outlives_a_retry_in_place(world: World, suspends: bool) -> None:
    """The flow fails before it comes to where it can stop: its next attempt, in the same process, stops."""
    run_id = world.started(retries=1)
    world.do(partial(pause_run, suspends=suspends), run_id)

    [retry] = world.report(run_id, 2, StateType.FAILED).directives
    assert (DirectiveKind.RETRY, 2) == (retry.kind, retry.attempt)
    [stop] = world.report(run_id, 1, RUNNING, attempt=2).directives

    assert (DirectiveKind.SUSPEND if suspends else DirectiveKind.PAUSE) is stop.kind
    answer = stand(world, run_id, "requested", attempt=2, on_request=True, suspends=suspends)
    assert PauseStatus.WAITING is answer.status


@pytest.mark.parametrize("suspends", [False, True])
@pytest.mark.parametrize("crash", ["told", "silent"])
def test_a_wish_outlives_a_crash(world: World, suspends: bool, crash: str) -> None:
    """A new process, on whatever agent, is told of it; neither waiting long nor a start that failed lets it be lost."""
    run_id = world.started(retries=1)
    world.do(partial(pause_run, suspends=suspends), run_id)
    if crash == "told":
        world.report(run_id, 2, StateType.CRASHED)
    else:
        world.tick_for(45)
    name = "Suspending" if suspends else "Pausing"
    assert ("SCHEDULED", name) == (world.read(run_id).state_type, world.read(run_id).state_name)

    world.tick_for(60)
    (job,) = world.claim()
    world.fail_start(job, final=False)
    world.tick_for(60)
    (job,) = world.claim()
    world.hand_back(job)
    (job,) = world.claim()
    assert ("PENDING", name) == (world.read(run_id).state_type, world.read(run_id).state_name)
    [stop] = world.report(run_id, 1, RUNNING, attempt=job.attempt).directives

    assert (DirectiveKind.SUSPEND if suspends else DirectiveKind.PAUSE) is stop.kind
    answer = stand(world, run_id, "requested-2", attempt=job.attempt, on_request=True, suspends=suspends)
    assert PauseStatus.WAITING is answer.status


@pytest.mark.parametrize("crash", ["told", "silent"])
def test_a_run_that_crashes_while_it_is_paused_by_request_pauses_again(world: World, crash: str) -> None:
    """Nobody has resumed it; one that pauses by itself comes to that pause again and is not asked to stop before."""
    asked, by_itself = world.started(retries=1), world.started(name="other", retries=1)
    world.do(partial(pause_run, suspends=False), asked)
    stand(world, asked, "requested-1", on_request=True)
    stand(world, by_itself, "pause-1")

    for run_id in (asked, by_itself):
        if crash == "told":
            world.report(run_id, 2, StateType.CRASHED)
    world.tick_for(45)
    assert ["Pausing", "AwaitingRetry"] == [
        "AwaitingRetry" if name == "Late" else name
        for name in (world.read(asked).state_name, world.read(by_itself).state_name)
    ]
    world.claim()
    [stop] = world.report(asked, 1, RUNNING, attempt=2).directives
    assert DirectiveKind.PAUSE is stop.kind
    assert [] == world.report(by_itself, 1, RUNNING, attempt=2).directives
    assert PauseStatus.WAITING is stand(world, asked, "requested-2", attempt=2, on_request=True).status
    resume(world, asked)
    world.report(asked, 2, StateType.CRASHED, attempt=2)
    assert StateType.CRASHED == world.read(asked).state_type


def test_a_wish_can_be_taken_back_while_no_process_is_there(world: World) -> None:
    """The next attempt begins as any other, whether it waits to be claimed or was claimed already."""
    waits, claimed = world.started(retries=1), world.started(name="other", retries=1)
    for run_id in (waits, claimed):
        world.do(partial(pause_run, suspends=False), run_id)
    world.report(claimed, 2, StateType.CRASHED)
    world.claim()
    world.report(waits, 2, StateType.CRASHED)

    resume(world, claimed)
    resume(world, waits)

    assert ("Pending", "AwaitingRetry") == (world.read(claimed).state_name, world.read(waits).state_name)
    assert [] == world.report(claimed, 1, RUNNING, attempt=2).directives


def test_a_wish_is_kept_while_others_go_before(world: World) -> None:
    """The tick neither loses it nor tries for ever to say that the run waits for others of its deployment."""
    run_id = world.started(retries=1, retry_delays=[60], concurrency_limit=1)
    world.do(partial(pause_run, suspends=False), run_id)
    world.report(run_id, 2, StateType.CRASHED)
    other = world.run(world.read(run_id).deployment_id)
    world.claim()
    for sequence in range(1, 8):
        world.report(other, sequence, RUNNING)
        world.tick_for(10)
    assert world.read(run_id).due < world.now
    assert [] == world.claim()
    assert "Pausing" == world.read(run_id).state_name

    world.report(other, 8, COMPLETED)
    world.claim()
    [stop] = world.report(run_id, 1, RUNNING, attempt=2).directives
    assert DirectiveKind.PAUSE is stop.kind


def test_a_wish_can_be_taken_back_before_the_retry(world: World) -> None:
    """The run waits to be retried then, as any other."""
    run_id = world.started(retries=1, retry_delays=[5])
    world.do(partial(pause_run, suspends=False), run_id)
    world.report(run_id, 2, StateType.FAILED)

    resume(world, run_id)

    assert "AwaitingRetry" == world.read(run_id).state_name
    assert [] == world.report(run_id, 1, RUNNING, attempt=2).directives


def test_what_is_paused_can_be_cancelled(world: World) -> None:
    """Where a process waits it is told; where none is there the run is CANCELLED at once."""
    paused, suspended = world.started(), world.started(name="other")
    stand(world, paused)
    suspend(world, suspended)

    world.cancel(paused)
    world.cancel(suspended)

    [directive] = world.report(paused, 2).directives
    assert DirectiveKind.CANCEL is directive.kind
    assert StateType.CANCELLED == world.read(suspended).state_type


@pytest.mark.parametrize("suspends", [False, True])
def test_an_executor_hears_that_its_run_is_to_stop(world: World, suspends: bool) -> None:
    """Its reports are answered with that until it stands at the pause; then it waits like at any other."""
    run_id = world.started()
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=suspends)
    kind = DirectiveKind.SUSPEND if suspends else DirectiveKind.PAUSE
    assert [kind] == [directive.kind for directive in world.report(run_id, 2).directives]

    status = stand(world, run_id, "requested", on_request=True, suspends=suspends).status

    assert PauseStatus.WAITING is status
    if suspends:
        world.report(run_id, 3, states=[world.state(PAUSED, name="Suspended")])
    else:
        assert [] == world.report(run_id, 3).directives
    assert PAUSED == world.read(run_id).state_type
    resume(world, run_id)
    assert (StateType.SCHEDULED if suspends else RUNNING) == world.read(run_id).state_type


def test_a_wish_that_was_taken_back_stops_nobody(world: World) -> None:
    """An executor that has heard of it, and asks, is told to go on."""
    run_id = world.started()
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=False)
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, "requested", on_request=True).status
    assert RUNNING == world.read(run_id).state_type
    assert "not_paused" == refusal(world, resume_run, run_id, None)


def test_of_two_pauses_at_once_one_waits_for_the_other(world: World) -> None:
    """Subflows side by side pause the same run: it is resumed once for each."""
    run_id = world.started()
    for key in ("a", "b"):
        assert PauseStatus.WAITING is stand(world, run_id, key).status
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, "a").status
    assert PauseStatus.WAITING is stand(world, run_id, "b").status
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, "b").status


def test_the_end_of_a_paused_executor_is_a_crash(world: World) -> None:
    """When its lease ends it is retried if it may be, and waits at the pause again."""
    run_id = world.started(retries=1)
    stand(world, run_id)
    world.tick_for(45)
    assert "AwaitingRetry" == world.read(run_id).state_name
    world.claim()
    world.report(run_id, 1, RUNNING, attempt=2)
    assert PauseStatus.WAITING is stand(world, run_id, attempt=2).status
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, attempt=2).status


def test_a_wish_outlives_the_beginning_of_the_flow(world: World) -> None:
    """A run may be asked to stop as soon as its supervisor is there, before its flow says that it runs."""
    run_id = world.run(world.deploy())
    world.claim()
    world.report(run_id, 1)
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=False)

    [directive] = world.report(run_id, 2, RUNNING).directives

    assert DirectiveKind.PAUSE is directive.kind
    assert "Pausing" == world.read(run_id).state_name


def test_what_is_about_to_be_suspended_is_resumed_once_it_is(world: World) -> None:
    """Its process has been told to end: a wish that is taken back now would leave it suspended, and nobody know."""
    run_id = world.started()
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=True)
    assert PauseStatus.WAITING is stand(world, run_id, "requested", on_request=True, suspends=True).status
    assert "not_paused" == refusal(world, resume_run, run_id, None)
    world.report(run_id, 2, states=[world.state(PAUSED, name="Suspended")])

    resume(world, run_id)

    assert "Resuming" == world.read(run_id).state_name


@pytest.mark.parametrize("retries", [0, 1])
def test_an_executor_that_comes_back_at_a_pause_holds_its_run_again(world: World, retries: int) -> None:
    """Its lease had ended: at the pause it has lease and slots again, and goes on when it is resumed."""
    run_id = world.started(retries=retries)
    world.tick_for(45)
    assert (None, 0) == (world.read(run_id).lease_until, world.slots())

    assert PauseStatus.WAITING is stand(world, run_id).status

    row = world.read(run_id)
    assert (PAUSED, None, None, 0) == (row.state_type, row.ended, row.wake_at, row.retries_used)
    assert (world.now + LEASE, 2) == (row.lease_until, world.slots())
    assert [] == world.report(run_id, 2).directives
    resume(world, run_id)
    world.report(run_id, 3, COMPLETED)
    assert (COMPLETED, 0) == (world.read(run_id).state_type, world.slots())


def test_an_executor_that_comes_back_suspended_has_not_ended(world: World) -> None:
    """Its lease had ended, and the run with it; what is suspended is over neither for people nor for the purge."""
    run_id = world.started()
    assert PauseStatus.WAITING is stand(world, run_id, suspends=True).status
    world.tick_for(45)
    assert StateType.CRASHED == world.read(run_id).state_type

    world.report(run_id, 2, states=[world.state(PAUSED, name="Suspended")])

    row = world.read(run_id)
    assert (PAUSED, None, None) == (row.state_type, row.ended, row.lease_until)


def test_agents_are_there_for_what_is_paused_and_not_for_what_is_suspended(world: World) -> None:
    """The gauges, by which agents are scaled, count a process that waits as running."""
    paused, suspended = world.started(), world.started(name="other")
    stand(world, paused)
    suspend(world, suspended)
    [gauge] = read_gauges(world.database)
    assert (1, 0) == (gauge.running, gauge.due)
