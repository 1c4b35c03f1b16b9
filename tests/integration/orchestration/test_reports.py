"""Reports: fenced, ordered, idempotent, and what the answers ask of executors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.integration.orchestration.world import World

from alisio.contract.ids import new_id
from alisio.contract.reports import (
    DirectiveKind,
    LogLine,
    Origin,
    Report,
    ReportAnswer,
    RunFacts,
    SubflowNews,
    TaskRunNews,
)
from alisio.contract.states import StateType
from alisio_server.database.tables import flow, flow_run, flow_run_state, log, task_run
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.reports import apply_report

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


def by_hand(world: World, run_id: UUID, sequence: int, *states: StateType, **more: Any) -> ReportAnswer:
    """Report as a script does."""
    facts = RunFacts(flow_name="tide", name="high-tide") if sequence == 1 else None
    return world.report(run_id, sequence, *states, origin=Origin.SCRIPT, **{"facts": facts, **more})


def a_task(world: World, *states: StateType, **more: Any) -> TaskRunNews:
    """Make news of a task run."""
    values: dict[str, Any] = {"id": new_id(), "task_key": "tide.measure", "name": "measure-0", "index": 0}
    return TaskRunNews(states=[world.state(type_) for type_ in states], **{**values, **more})


def a_subflow(world: World, *states: StateType, **more: Any) -> SubflowNews:
    """Make news of a subflow run."""
    values: dict[str, Any] = {"id": new_id(), "flow_name": "ebb", "name": "low-ebb"}
    return SubflowNews(states=[world.state(type_) for type_ in states], **{**values, **more})


def code_of(world: World, run_id: UUID, sequence: int, *states: StateType, **more: Any) -> str:
    """Send a report that must be refused; give back why."""
    with pytest.raises(ConflictError) as caught:
        world.report(run_id, sequence, *states, **more)
    return caught.value.code


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


def test_an_older_report_does_not_overwrite_a_newer_one(world: World) -> None:
    """A late duplicate of report 1 leaves what report 2 said of a task run."""
    run_id = new_id()
    task = a_task(world, RUNNING)
    by_hand(world, run_id, 1, RUNNING, task_runs=[task])
    by_hand(world, run_id, 2, task_runs=[a_task(world, RUNNING, COMPLETED, id=task.id)])
    answer = by_hand(world, run_id, 1, RUNNING, task_runs=[task])
    assert 2 == answer.sequence
    assert ["COMPLETED"] == [row.state_type for row in world.rows(task_run)]


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


# --- retries


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


# --- rows


def test_task_runs_are_stored_with_their_history(world: World) -> None:
    """A task run is one row; a later news of it replaces the earlier, history and all."""
    run_id = world.started()
    source = new_id()
    task = a_task(world, RUNNING, inputs={"height": [source]}, tags=["slow"])
    world.report(run_id, 2, task_runs=[task])
    world.pass_time(1)
    done = task.model_copy(update={"states": [*task.states, world.state(COMPLETED, "done")]})
    world.report(run_id, 3, task_runs=[done])
    (row,) = world.rows(task_run)
    assert (run_id, 1, "COMPLETED", ["slow"]) == (row.flow_run_id, row.attempt, row.state_type, row.tags)
    assert {"height": [str(source)]} == row.inputs
    microseconds = int(world.now.timestamp()) * 1_000_000
    running = ["RUNNING", "Running", None, microseconds - 1_000_000]
    assert [running, ["COMPLETED", "Completed", "done", microseconds]] == row.history


def test_subflow_runs_live_under_their_root(world: World) -> None:
    """In-process subflow runs are rows of their own, with parent, root, the root's attempt and their history."""
    run_id = world.started()
    outer = a_subflow(world, RUNNING)
    inner = a_subflow(world, RUNNING, COMPLETED, parent_flow_run_id=outer.id)
    task = a_task(world, COMPLETED, flow_run_id=inner.id)
    world.report(run_id, 2, subflows=[outer, inner], task_runs=[task])
    rows = {row.id: row for row in world.rows(flow_run)}
    assert (run_id, run_id, 1) == (
        rows[outer.id].parent_flow_run_id,
        rows[outer.id].root_flow_run_id,
        rows[outer.id].attempt,
    )
    assert (outer.id, run_id) == (rows[inner.id].parent_flow_run_id, rows[inner.id].root_flow_run_id)
    assert ["Running", "Completed"] == world.history(inner.id)
    done = outer.model_copy(update={"states": [*outer.states, world.state(COMPLETED)]})
    world.report(run_id, 3, subflows=[done])
    assert ["Running", "Completed"] == world.history(outer.id)
    assert [inner.id] == [row.flow_run_id for row in world.rows(task_run)]


def test_rows_of_strangers_are_refused(world: World) -> None:
    """A row that names a run outside the root's family is refused with its field, and nothing is stored."""
    run_id, stranger = world.started(), new_id()
    with pytest.raises(InvalidInputError) as caught:
        world.report(run_id, 2, task_runs=[a_task(world, RUNNING), a_task(world, RUNNING, flow_run_id=stranger)])
    assert "task_runs.1.flow_run_id" == caught.value.field
    assert [] == world.rows(task_run)
    assert 1 == world.read(run_id).report_sequence


def test_a_subflow_cannot_take_over_another_run(world: World) -> None:
    """News of a subflow under the id of somebody else's run leaves that run alone."""
    victim = world.run(world.deploy())
    run_id = new_id()
    with pytest.raises(ConflictError):
        by_hand(world, run_id, 1, RUNNING, subflows=[a_subflow(world, COMPLETED, id=victim)])
    assert ("Scheduled", ["Scheduled"]) == (world.read(victim).state_name, world.history(victim))


def test_log_lines_keep_their_order(world: World) -> None:
    """Logs are stored in the order in which they come, with the run or subflow that they belong to."""
    run_id = world.started()
    subflow = a_subflow(world, RUNNING)
    lines = [
        LogLine(timestamp=world.now, level=20, logger="tide", message=f"line {number}", flow_run_id=owner)
        for number, owner in enumerate((None, subflow.id, None))
    ]
    world.report(run_id, 2, subflows=[subflow], logs=lines, dropped_logs=4)
    stored = [(row.flow_run_id, row.message) for row in world.rows(log)]
    assert [(run_id, "line 0"), (subflow.id, "line 1"), (run_id, "line 2")] == stored[:3]
    assert "4 debug lines were dropped" in stored[3][1]


@pytest.mark.parametrize(("end", "become"), [(FAILED, "CRASHED"), (StateType.CANCELLED, "CANCELLED")])
def test_children_end_with_their_root(world: World, end: StateType, become: str) -> None:
    """Subflow runs and task runs that their root left behind end when it does."""
    run_id = world.started()
    subflow = a_subflow(world, RUNNING)
    tasks = [a_task(world, RUNNING), a_task(world, RUNNING, flow_run_id=subflow.id), a_task(world, COMPLETED)]
    world.report(run_id, 2, subflows=[subflow], task_runs=tasks)
    world.report(run_id, 3, end)
    assert become == world.read(subflow.id).state_type
    assert become == world.rows(flow_run_state, flow_run_state.c.flow_run_id == subflow.id)[-1].type
    assert sorted([become, become, "COMPLETED"]) == sorted(row.state_type for row in world.rows(task_run))


def test_a_large_report_is_stored_whole(world: World) -> None:
    """A thousand rows in one report, the most there may be, are all there afterwards."""
    run_id = world.started()
    tasks = [a_task(world, RUNNING, COMPLETED, index=index) for index in range(1_000)]
    world.do(
        apply_report,
        run_id,
        Report(attempt=1, sequence=2, origin=Origin.SUPERVISOR, task_runs=tasks),
    )
    assert 1_000 == len(world.rows(task_run))
