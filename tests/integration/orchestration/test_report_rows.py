"""What reports carry besides states: task runs, subflow runs and logs."""

from __future__ import annotations

from typing import Any

import pytest

from alisio.contract.ids import new_id
from alisio.contract.reports import (
    LogLine,
    Origin,
    Report,
    SubflowNews,
    TaskRunNews,
)
from alisio.contract.states import StateType
from alisio_server.database.tables import flow_run, flow_run_state, log, task_run
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.reports import apply_report
from tests.integration.orchestration.world import World, by_hand

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


def a_task(world: World, *states: StateType, **more: Any) -> TaskRunNews:
    """Make news of a task run."""
    values: dict[str, Any] = {"id": new_id(), "task_key": "tide.measure", "name": "measure-0", "index": 0}
    return TaskRunNews(states=[world.state(type_) for type_ in states], **{**values, **more})


def a_subflow(world: World, *states: StateType, **more: Any) -> SubflowNews:
    """Make news of a subflow run."""
    values: dict[str, Any] = {"id": new_id(), "flow_name": "ebb", "name": "low-ebb"}
    return SubflowNews(states=[world.state(type_) for type_ in states], **{**values, **more})


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
    assert "4 log lines were dropped" in stored[3][1]


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


def test_an_older_report_does_not_overwrite_a_newer_one(world: World) -> None:
    """A late duplicate of report 1 leaves what report 2 said of a task run."""
    run_id = new_id()
    task = a_task(world, RUNNING)
    by_hand(world, run_id, 1, RUNNING, task_runs=[task])
    by_hand(world, run_id, 2, task_runs=[a_task(world, RUNNING, COMPLETED, id=task.id)])
    answer = by_hand(world, run_id, 1, RUNNING, task_runs=[task])
    assert 2 == answer.sequence
    assert ["COMPLETED"] == [row.state_type for row in world.rows(task_run)]
