"""Background tasks that wait for others: they hold no worker's place meanwhile."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from alisio import allow_failure
from alisio.background import BackgroundFuture
from alisio.contract.runs import FlowRunCreate, TaskRun, TaskRunFilter, TaskRunQuery
from alisio.exceptions import NotFoundError
from alisio.utilities.annotations import quote
from tests.unit.sdk.control.background_project import Project


def task_runs(project: Project, future: BackgroundFuture[Any]) -> list[TaskRun]:
    """Read the task runs of a run."""
    wanted = TaskRunFilter(flow_run_ids=[future.flow_run_id])
    return project.person.client.filter_task_runs(TaskRunQuery(filter=wanted)).items


def waits(project: Project, future: BackgroundFuture[Any]) -> bool:
    """Tell whether a run waits for others; otherwise it can be claimed."""
    run = project.person.client.read_flow_run(future.flow_run_id)
    assert ("Suspended" if future.state.is_paused() else "Scheduled") == run.state.name
    return future.state.is_paused()


def test_a_task_that_waits_can_be_claimed_once_the_others_have_ended(project: Project) -> None:
    """Be they arguments, within arguments, or in `wait_for`; one that is asked for twice is one."""
    add, client = project.add, project.person.client
    first, second, third = add.delay(1), add.delay(2), add.delay(3)
    asked = add.apply_async(({"deep": [first, allow_failure(second)]},), {"b": first}, wait_for=[third])
    message = "It waits for 3 other runs to end."
    assert message == client.read_flow_run(asked.flow_run_id).state.message

    client.cancel_flow_run(first.flow_run_id)
    client.cancel_flow_run(second.flow_run_id)
    assert waits(project, asked)
    client.cancel_flow_run(third.flow_run_id)
    assert not waits(project, asked)


def test_any_run_of_a_deployment_can_wait(project: Project) -> None:
    """The server does it, for all who ask for runs; its answer is the run as it is then."""
    client = project.person.client
    first = client.read_flow_run(project.add.delay(1).flow_run_id)
    assert first.deployment_id is not None

    run = client.create_run(first.deployment_id, FlowRunCreate(parameters=first.parameters, after=[first.id]))

    assert ("Suspended", "It waits for another run to end.") == (run.state.name, run.state.message)
    assert client.read_flow_run(run.id) == run


def test_a_list_of_tasks_waits_as_well(project: Project) -> None:
    """Each of a deferred map does; so a second step follows the whole first one."""
    first = project.add.map([1, 2], deferred=True)
    second = project.add.map([3, 4], wait_for=first, deferred=True)

    assert [True, True] == [waits(project, each) for each in second]
    for each in first:
        project.person.client.cancel_flow_run(each.flow_run_id)
    assert [False, False] == [waits(project, each) for each in second]


def test_what_has_ended_and_what_is_quoted_is_not_waited_for(project: Project) -> None:
    """A future that is quoted is data; the end of the other may be known here or not."""
    live = project.add.delay(1)
    ended = project.performed(project.add.delay(2))
    known = project.performed(project.add.delay(3))
    known.wait()

    assert not waits(project, project.add.delay(ended, known))
    assert not waits(project, project.add.delay(quote(live)))


def test_what_it_was_given_is_known_as_its_inputs(project: Project) -> None:
    """By parameter, the task runs that the results are of; also where such a one was only waited for."""
    client = project.person.client
    first, second = project.performed(project.add.delay(1)), project.performed(project.add.delay(2))
    made = [task_runs(project, each)[0].id for each in (first, second)]

    ended = project.performed(project.add.apply_async(([first, 3],), {"b": [4]}, wait_for=[first, second]))

    assert [first.flow_run_id, second.flow_run_id] == [client.read_task_run(each).flow_run_id for each in made]
    assert {"a": made[:1], "wait_for": made} == task_runs(project, ended)[0].inputs


def test_a_run_that_is_gone_is_told_when_the_task_is_asked_for(project: Project) -> None:
    """Nothing is kept of what was asked then."""
    gone = uuid4()

    with pytest.raises(NotFoundError, match=f"there is no flow run {gone}"):
        project.add.delay(BackgroundFuture(gone))
    assert [] == project.stored()
