"""Retries by policy: in place within the supervisor, or through SCHEDULED."""

from __future__ import annotations

from datetime import timedelta

from alisio.contract.reports import (
    DirectiveKind,
    RunFacts,
)
from alisio.contract.states import StateType
from tests.integration.orchestration.world import World, code_of

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


def test_an_exception_is_retried_by_the_same_supervisor(world: World) -> None:
    """Within 30 s the next attempt is opened at once: the supervisor keeps lease and slots."""
    run_id = world.started(retries=1, retry_delays=[5])
    (directive,) = world.report(run_id, 2, FAILED).directives
    assert (DirectiveKind.RETRY, 2, 5.0) == (directive.kind, directive.attempt, directive.delay_seconds)
    row = world.read(run_id)
    assert ("AwaitingRetry", 2, 2) == (row.state_name, row.attempt, world.slots())
    assert world.now + timedelta(seconds=35) == row.lease_until
    assert [] == world.claim()
    world.pass_time(5)
    world.report(run_id, 1, attempt=2, states=[world.state(RUNNING, name="Retrying"), world.state(COMPLETED)])
    names = ["Scheduled", "Pending", "Running", "Failed", "AwaitingRetry", "Retrying", "Completed"]
    assert names == world.history(run_id)
    assert 0 == world.slots()


def test_a_lost_retry_directive_comes_again(world: World) -> None:
    """A supervisor that lost the answer to its FAILED sends it again and is told to go on, with what is left."""
    run_id = world.started(retries=1, retry_delays=[20])
    world.report(run_id, 2, FAILED)
    world.pass_time(8)
    answer = world.report(run_id, 2, FAILED)
    (directive,) = answer.directives
    assert (2, 2, 12.0) == (answer.sequence, directive.attempt, directive.delay_seconds)
    assert 1 == world.history(run_id).count("Failed")


def test_the_last_failure_is_final(world: World) -> None:
    """With its retries used a run is FAILED."""
    run_id = world.started(retries=1)
    world.report(run_id, 2, FAILED)
    assert FAILED is world.report(run_id, 1, RUNNING, FAILED, attempt=2).state.type
    assert 0 == world.slots()


def test_the_flows_own_retries_count(world: World) -> None:
    """Retries that only the code knows are honoured when it fails in the same report."""
    run_id = world.started()
    answer = world.report(run_id, 2, FAILED, facts=RunFacts(retries=1))
    assert [DirectiveKind.RETRY] == [directive.kind for directive in answer.directives]


def test_a_long_delay_gives_the_slots_back(world: World) -> None:
    """A retry in more than 30 s goes through SCHEDULED: no lease, no slots, a wake-up when it is due."""
    run_id = world.started(retries=1, retry_delays=[31])
    world.bell.take()
    answer = world.report(run_id, 2, FAILED)
    assert (StateType.SCHEDULED, []) == (answer.state.type, answer.directives)
    row = world.read(run_id)
    assert (None, 0, 1) == (row.lease_until, world.slots(), row.attempt)
    (wake_up,) = world.bell.take()
    assert world.now + timedelta(seconds=31) == wake_up.due == row.due
    world.pass_time(31)
    (job,) = world.claim()
    assert 2 == job.attempt


def test_a_crash_goes_through_scheduled(world: World) -> None:
    """A child that died is retried by a new claim, not by its supervisor."""
    run_id = world.started(retries=1)
    answer = world.report(run_id, 2, StateType.CRASHED)
    assert ("AwaitingRetry", []) == (answer.state.name, answer.directives)
    (job,) = world.claim()
    assert 2 == job.attempt
    assert "stale_attempt" == code_of(world, run_id, 3)
