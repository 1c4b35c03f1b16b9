"""Reports: fenced, ordered, idempotent, and what the answers ask of executors."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alisio.contract.ids import new_id
from alisio.contract.reports import (
    DirectiveKind,
    LogLine,
    Origin,
    RunFacts,
)
from alisio.contract.states import StateType
from alisio_server.database.tables import flow, flow_run, log
from alisio_server.errors import InvalidInputError, NotFoundError
from tests.integration.orchestration.world import World, by_hand, code_of

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


# --- by hand


def test_the_first_report_of_a_script_creates_its_run(world: World) -> None:
    """A run by hand needs no round trip before: its first report makes flow and run."""
    run_id = new_id()
    facts = RunFacts(flow_name="tide", name="high-tide", parameters={"place": "bay"}, tags=["sea"])
    answer = by_hand(world, run_id, 1, RUNNING, facts=facts)
    assert (1, RUNNING, 30.0) == (answer.sequence, answer.state.type, answer.lease_seconds)
    row = world.read(run_id)
    assert ("script", 1, "high-tide") == (row.created_by, row.attempt, row.name)
    assert ({"place": "bay"}, ["sea"]) == (row.parameters, row.tags)
    assert world.now == row.started
    assert ["tide"] == [row.name for row in world.rows(flow)]


def test_a_whole_run_fits_into_one_report(world: World) -> None:
    """A script that is done before it ever reports sends everything at once."""
    run_id = new_id()
    begun = world.state(RUNNING)
    world.pass_time(2)
    answer = by_hand(world, run_id, 1, states=[begun, world.state(COMPLETED)])
    assert (COMPLETED, []) == (answer.state.type, answer.directives)
    row = world.read(run_id)
    assert ("COMPLETED", None) == (row.state_type, row.lease_until)
    assert timedelta(seconds=2) == row.ended - row.started
    assert ["Running", "Completed"] == world.history(run_id)


def test_a_replayed_report_changes_nothing(world: World) -> None:
    """The answer to a report may be lost: sent again, it is a no-op that gets the present answer."""
    run_id = new_id()
    line = LogLine(timestamp=world.now, level=20, logger="tide", message="rising")
    first = by_hand(world, run_id, 1, RUNNING, logs=[line])
    assert first == by_hand(world, run_id, 1, RUNNING, logs=[line])
    assert ["Running"] == world.history(run_id)
    assert 1 == len(world.rows(log))


def test_a_report_that_skips_a_number_is_refused(world: World) -> None:
    """A report is applied only after its predecessor."""
    run_id = new_id()
    by_hand(world, run_id, 1, RUNNING)
    assert "report_out_of_order" == code_of(world, run_id, 3, COMPLETED, origin=Origin.SCRIPT)
    assert "Running" == world.read(run_id).state_name


def test_the_first_report_names_its_flow(world: World) -> None:
    """Without the flow's name there is nothing to make the run of, and nothing is made."""
    with pytest.raises(InvalidInputError, match="names its flow") as caught:
        by_hand(world, new_id(), 1, RUNNING, facts=RunFacts(name="high-tide"))
    assert "facts.flow_name" == caught.value.field
    assert [] == world.rows(flow_run)


def test_a_later_report_of_an_unknown_run_is_refused(world: World) -> None:
    """Only a first report creates a run."""
    with pytest.raises(NotFoundError):
        by_hand(world, new_id(), 2, RUNNING)


def test_a_script_may_wait_for_its_own_retry(world: World) -> None:
    """By hand the engine retries by itself: the run waits, silently renewing its lease, and runs again."""
    run_id = new_id()
    by_hand(world, run_id, 1, RUNNING)
    by_hand(world, run_id, 2, states=[world.state(StateType.SCHEDULED, name="AwaitingRetry")])
    world.pass_time(10)
    answer = by_hand(world, run_id, 3)
    assert ("AwaitingRetry", []) == (answer.state.name, answer.directives)
    by_hand(world, run_id, 4, states=[world.state(RUNNING, name="Retrying"), world.state(COMPLETED)])
    assert ["Running", "AwaitingRetry", "Retrying", "Completed"] == world.history(run_id)


def test_a_script_fails_without_the_servers_retry(world: World) -> None:
    """FAILED by hand is final: the engine has used its retries itself."""
    run_id = new_id()
    by_hand(world, run_id, 1, RUNNING, facts=RunFacts(flow_name="tide", retries=3))
    assert FAILED is by_hand(world, run_id, 2, FAILED).state.type


# --- claimed runs


def test_the_gate_opens_with_the_first_report(world: World) -> None:
    """The first report makes a PENDING run RUNNING and takes the lease over from the agent."""
    run_id = world.run(world.deploy())
    world.claim()
    world.pass_time(5)
    answer = world.report(run_id, 1, RUNNING, facts=RunFacts(infrastructure="process:cape:7"))
    assert (RUNNING, []) == (answer.state.type, answer.directives)
    row = world.read(run_id)
    assert (world.now + timedelta(seconds=30), None, 0) == (row.lease_until, row.start_by, row.unstarted_claims)
    assert ("process:cape:7", world.now) == (row.infrastructure, row.started)


def test_a_silent_first_report_opens_the_gate_too(world: World) -> None:
    """A first report is a sign of life by itself."""
    run_id = world.run(world.deploy())
    world.claim()
    assert RUNNING is world.report(run_id, 1).state.type
    assert ["Scheduled", "Pending", "Running"] == world.history(run_id)


def test_a_stale_attempt_is_kept_out(world: World) -> None:
    """A starter of an attempt that was taken back gets 409 and runs no user code."""
    run_id = world.run(world.deploy())
    (job,) = world.claim()
    world.fail_start(job, final=False)
    assert "stale_attempt" == code_of(world, run_id, 1, RUNNING)
    world.pass_time(10)
    world.claim()
    assert "stale_attempt" == code_of(world, run_id, 1, RUNNING)
    assert RUNNING is world.report(run_id, 1, RUNNING, attempt=2).state.type


def test_a_cancelled_run_does_not_start(world: World) -> None:
    """A run that was cancelled while PENDING answers its supervisor with `run_ended`."""
    run_id = world.run(world.deploy())
    world.claim()
    world.cancel(run_id)
    assert "run_ended" == code_of(world, run_id, 1, RUNNING)
    assert (None, 0) == (world.read(run_id).lease_until, world.slots())


def test_an_unclaimed_run_takes_no_reports(world: World) -> None:
    """Nobody executes a run that nobody has claimed."""
    run_id = world.run(world.deploy())
    assert "stale_attempt" == code_of(world, run_id, 1, RUNNING)


def test_a_script_cannot_report_on_a_claimed_run(world: World) -> None:
    """The run of a deployment is its supervisor's, whoever knows its id."""
    run_id = world.started()
    assert "wrong_executor" == code_of(world, run_id, 2, COMPLETED, origin=Origin.SCRIPT)


def test_a_terminal_state_releases_everything(world: World) -> None:
    """COMPLETED ends the lease, gives the slots back, clears the outbox, and is final."""
    run_id = world.started()
    world.report(run_id, 2, COMPLETED)
    row = world.read(run_id)
    assert (None, None, 0) == (row.lease_until, row.wake_at, world.slots())
    assert world.now == row.ended
    assert "run_ended" == code_of(world, run_id, 3, FAILED)


def test_a_report_renews_the_lease(world: World) -> None:
    """Each report, also one without news, makes the lease last 30 s from then."""
    run_id = world.started()
    world.pass_time(20)
    world.report(run_id, 2)
    assert world.now + timedelta(seconds=30) == world.read(run_id).lease_until
    assert ["Scheduled", "Pending", "Running"] == world.history(run_id)


def test_facts_change_the_run(world: World) -> None:
    """What only the code knows replaces what the deployment said."""
    run_id = world.started()
    world.report(run_id, 2, facts=RunFacts(name="tide-on-monday", retries=2, retry_delays=[1.5], flow_version="b"))
    row = world.read(run_id)
    assert ("tide-on-monday", 2, [1.5], "b") == (row.name, row.retries, row.retry_delays, row.flow_version)


def test_a_cancelled_run_hears_of_it(world: World) -> None:
    """A RUNNING run goes to CANCELLING; its executor is told with each answer until it says CANCELLED."""
    run_id = world.started()
    world.cancel(run_id)
    answer = world.report(run_id, 2, RUNNING)
    assert StateType.CANCELLING is answer.state.type
    assert [DirectiveKind.CANCEL] == [directive.kind for directive in answer.directives]
    answer = world.report(run_id, 3, StateType.CANCELLED)
    assert (StateType.CANCELLED, []) == (answer.state.type, answer.directives)
    assert ["Scheduled", "Pending", "Running", "Cancelling", "Cancelled"] == world.history(run_id)


def test_a_flow_that_was_quicker_than_its_cancel_keeps_its_end(world: World) -> None:
    """A flow that completed before the cancel reached it is COMPLETED."""
    run_id = world.started()
    world.cancel(run_id)
    assert COMPLETED is world.report(run_id, 2, COMPLETED).state.type


def test_a_failure_is_not_retried_while_cancelling(world: World) -> None:
    """A run that was to be cancelled and failed instead is FAILED, retries or not."""
    run_id = world.started(retries=3)
    world.cancel(run_id)
    answer = world.report(run_id, 2, FAILED)
    assert (FAILED, []) == (answer.state.type, answer.directives)
