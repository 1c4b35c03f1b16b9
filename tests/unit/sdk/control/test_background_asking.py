"""Asking for background tasks and serving them: what is stored and for how long, and what is refused."""

from __future__ import annotations

import pickle
import time
from os import utime
from typing import Any

import pytest

from alisio import flow, tags, task_worker
from alisio.deployments import serving
from alisio.deployments.failures import ProjectError
from alisio.exceptions import (
    AlisioError,
    ApiError,
    ApiUnreachableError,
    ParameterError,
    VisualizationError,
)
from alisio.results.store import ResultStore
from tests.unit.sdk.control.background_project import FILE, Project


def test_a_task_is_asked_for_at_once(project: Project) -> None:
    """Its run waits in a queue of its own, with the key of its arguments, the tags that hold, and its retries."""
    with tags("around"):
        future = project.task("patient").delay()

    run = project.person.client.read_flow_run(future.flow_run_id)

    name = f"background {FILE}:patient"
    assert ("patient", name, "served", f"patient {name}") == (
        run.flow_name, run.deployment_name, run.work_pool_name, run.work_queue_name
    )  # fmt: skip
    assert {"entrypoint": f"{FILE}:patient", "arguments": run.idempotency_key} == run.parameters
    assert ({"around", "red"}, 3) == (set(run.tags), run.retries)
    assert future.state.is_scheduled()
    with pytest.raises(TimeoutError, match="has not ended within 0 s"):
        future.result(timeout=0)


@pytest.mark.parametrize("name", ["add", "add_async"])
def test_its_arguments_go_when_it_has_ended_well(project: Project, name: str) -> None:
    """They are stored until then; the result is found by who has asked, and by a later attempt."""
    future = project.task(name).delay(1, b=2)
    assert 1 == len(project.stored())

    assert 3 == project.performed(future).result()

    assert [] == project.stored()


@pytest.mark.parametrize("where", ["argument 'b'", "wait_for"])
def test_futures_of_this_process_are_refused(project: Project, where: str) -> None:
    """No other process can wait for them; nothing is asked for."""
    add = project.add

    @flow
    def asks() -> None:
        future = add.submit(1)
        if where == "wait_for":
            add.apply_async((1,), wait_for=[future])
        add.delay(1, [future])

    with pytest.raises(ParameterError, match=rf"{where} of task 'add' has a future of a task of this process.*result"):
        asks()
    assert [] == project.stored()


def test_a_flow_that_is_drawn_asks_for_nothing(project: Project) -> None:
    """Drawing it runs its code."""

    @flow
    def asks() -> None:
        project.add.delay(1)

    with pytest.raises(VisualizationError, match="task 'add' is asked for with delay"):
        asks.to_mermaid()
    assert [] == project.stored()


def test_old_arguments_are_removed_where_tasks_are_served(project: Project) -> None:
    """Those of runs that the server has removed too; others stay."""
    old, new = project.add.delay(1), project.add.delay(2)
    key = project.person.client.read_flow_run(old.flow_run_id).parameters["arguments"]
    long_ago = time.time() - 366 * 86_400
    utime(project.folder / "home" / "storage" / key, (long_ago, long_ago))

    task_worker._prepared((project.add,), None)

    assert 1 == len(project.stored())
    assert 2 == project.performed(new).result()


def test_old_arguments_that_are_needed_stay(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a task that still waits, a user's own results of like names, and all where no server says what waits."""
    gone, waiting = project.add.delay(1, 1), project.add.delay(2, 2)
    project.person.client.delete_flow_run(gone.flow_run_id)
    ResultStore().write("mine", "background-report")

    with monkeypatch.context() as away:
        away.setattr(type(project.person.client), "filter_flow_runs", _raises(ApiUnreachableError("no answer")))
        task_worker._forget_before(time.time() + 60)
        assert 3 == len(project.stored())
    task_worker._forget_before(time.time() + 60)

    key = project.person.client.read_flow_run(waiting.flow_run_id).parameters["arguments"]
    assert {"background-report", key} == {path.name for path in project.stored()}
    assert 4 == project.performed(waiting).result()


def test_a_refused_run_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server makes no run nobody needs its arguments."""
    project.add.delay(1)
    refusal = ApiError(403, "role_not_allowed", "the role viewer may not ask for runs")
    monkeypatch.setattr(type(project.person.client), "create_run", _raises(refusal))

    with pytest.raises(ApiError, match="the role viewer may not"):
        project.add.delay(2)
    assert 1 == len(project.stored())


@pytest.mark.parametrize("failure", [ApiError(504, "timeout", "too late"), ApiError(200, "unreadable_answer", "what?")])
def test_a_server_that_may_have_made_the_run_is_believed(
    project: Project, monkeypatch: pytest.MonkeyPatch, failure: ApiError
) -> None:
    """Its worker needs the arguments: without them it would fail, and nobody would have run the task."""
    monkeypatch.setattr(type(project.person.client), "create_run", _raises(failure))

    with pytest.raises(ApiError, match=failure.message.rstrip("?")):
        project.add.delay(2)
    assert 1 == len(project.stored())


def test_a_key_that_may_not_deploy_is_told_who_may(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one who asks for a task that was never served makes its deployment, which takes a role."""
    monkeypatch.setattr(serving, "register", _raises(ApiError(403, "role_not_allowed", "the role agent may not")))

    with pytest.raises(ProjectError, match="task 'add' was never served, and this API key may not make its deployment"):
        project.add.delay(1)
    assert [] == project.stored()


def test_a_name_that_no_flow_run_can_have_is_refused(project: Project) -> None:
    """As the run of a flow has the task's name."""
    with pytest.raises(ProjectError, match=r"task 'a/b' cannot run in the background.*none of / % & < >"):
        project.task("badly_named").delay()


def test_a_future_can_be_sent_to_another_process(project: Project) -> None:
    """It is the run's id; whoever has it asks the server."""
    future = project.add.delay(1)
    twin = pickle.loads(pickle.dumps(future))
    assert (future.flow_run_id, f"BackgroundFuture({future.flow_run_id})") == (twin.flow_run_id, repr(twin))
    assert twin.state.is_scheduled()


@pytest.mark.parametrize(
    ("tasks", "options", "error", "said"),
    [
        ((), {}, ValueError, "serve needs tasks"),
        ((print,), {}, TypeError, "put @task above the function"),
        ((None,), {"timeout": 0}, ValueError, "timeout must be more than 0 seconds, not 0"),
    ],
)
def test_what_cannot_be_served_is_refused(
    tasks: tuple[Any, ...], options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Before any server is asked."""
    with pytest.raises(error, match=said):
        task_worker.serve(*tasks, **options)


def test_a_limit_that_is_none_is_refused(project: Project) -> None:
    """As for flows that are served."""
    with pytest.raises((AlisioError, ValueError), match="limit must be a number from 1 on"):
        project.add.serve(limit=0)


def _raises(error: Exception) -> Any:
    def raises(*_args: object, **_kwargs: object) -> None:
        raise error

    return raises
