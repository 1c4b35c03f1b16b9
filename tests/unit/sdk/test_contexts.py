"""What code may ask about where it runs: `alisio.context` and `alisio.runtime`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from alisio import flow, runtime, tags, task
from alisio.context import (
    FlowRunContext,
    SettingsContext,
    TagsContext,
    TaskRunContext,
    get_run_context,
    get_settings_context,
)
from alisio.engine.flow_rules import new_flow_run
from alisio.exceptions import MissingContextError, SettingsError
from alisio.task_runners import ProcessPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer, Style

DEPLOYMENT = "0198f0f0-0000-7000-8000-000000000001"


def facts_here() -> dict[str, Any]:
    """Tell what both contexts say."""
    flow_context, task_context = FlowRunContext.get(), TaskRunContext.get()
    facts: dict[str, Any] = {"innermost": type(get_run_context()).__name__}
    if flow_context is not None:
        facts |= {
            "flow": flow_context.flow.name,
            "flow_run": (flow_context.flow_run.name, flow_context.flow_run.state.name),
            "flow_parameters": flow_context.parameters,
        }
    if task_context is not None:
        facts |= {
            "task": task_context.task.name,
            "task_run": (task_context.task_run.name, task_context.task_run.state_name),
            "task_parameters": task_context.parameters,
            "same": task_context.flow_run_id == (flow_context and flow_context.flow_run.id),
        }
    return facts


@task
def looking(n: int) -> dict[str, Any]:
    """Look from a task."""
    return facts_here()


def test_contexts(server: MemoryServer, style: Style) -> None:
    """In a flow there is the flow's; in a task both, and the task's is the innermost; elsewhere there is none."""
    look = style.task(name="looking")(lambda n: facts_here())

    if style.is_async:

        @flow(flow_run_name="a-run", log_prints=True)
        async def outer(x: int) -> Any:
            return facts_here(), await look(2)

    else:

        @flow(flow_run_name="a-run", log_prints=True)
        def outer(x: int) -> Any:
            return facts_here(), look(2)

    of_flow, of_task = style.run(outer, 1)

    shared = {"flow": "outer", "flow_run": ("a-run", "Running"), "flow_parameters": {"x": 1}}
    assert {"innermost": "FlowRunContext", **shared} == of_flow
    assert {
        "innermost": "TaskRunContext",
        **shared,
        "task": "looking",
        "task_run": ("looking-0", "Running"),
        "task_parameters": {"n": 2},
        "same": True,
    } == of_task
    assert (None, None) == (FlowRunContext.get(), TaskRunContext.get())
    with pytest.raises(MissingContextError, match="there is no run here"):
        get_run_context()


def test_submitted_and_subflows(server: MemoryServer) -> None:
    """A submitted task knows its run and its flow's; a subflow that a task calls hides the task."""

    @flow
    def inner() -> dict[str, Any]:
        return facts_here()

    @task
    def calling() -> dict[str, Any]:
        return inner()

    @flow(flow_run_name="top")
    def outer() -> Any:
        return looking.submit(3).result(), calling()

    submitted, within = outer()
    assert ("TaskRunContext", "outer", {"n": 3}, True) == tuple(
        submitted[name] for name in ("innermost", "flow", "task_parameters", "same")
    )
    assert ("FlowRunContext", "inner", False) == (within["innermost"], within["flow"], "task" in within)


def test_what_a_context_has(server: MemoryServer) -> None:
    """The flow's context has the flow, its task runner, whether it logs prints, and since when it runs."""

    @flow(log_prints=True)
    def outer() -> None:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow is outer
        assert context.log_prints
        assert isinstance(context.task_runner, type(outer.task_runner))
        assert context.start_time is not None
        assert context.start_time <= datetime.now(UTC)
        assert context.flow_run.run_count == 1

    outer()


def test_tags_and_settings(monkeypatch: pytest.MonkeyPatch, server: MemoryServer) -> None:
    """The tags of the blocks around the code, and the settings that hold."""
    assert frozenset() == TagsContext.get().current_tags
    with tags("a"), tags("b"):
        assert {"a", "b"} == TagsContext.get().current_tags
    monkeypatch.setenv("ALISIO_LOGGING_LEVEL", "DEBUG")
    assert ("default", "DEBUG") == (SettingsContext.get().profile, get_settings_context().settings.logging_level)


def test_runtime_elsewhere(server: MemoryServer) -> None:
    """Where nothing runs all attributes are empty."""
    assert [None, [], {}, 0] == [getattr(runtime.flow_run, name) for name in ("id", "tags", "parameters", "run_count")]
    assert [None, [], {}, 0] == [getattr(runtime.task_run, name) for name in ("id", "tags", "parameters", "run_count")]
    assert [None, {}, None] == [getattr(runtime.deployment, name) for name in ("id", "parameters", "version")]
    assert runtime.flow_run.scheduled_start_time.tzinfo is UTC
    with pytest.raises(AttributeError, match=r"module 'alisio.runtime.deployment' has no attribute 'nothing'"):
        _ = runtime.deployment.nothing


@task
def deployment_there() -> list[Any]:
    """Tell of the deployment from a task."""
    return [
        runtime.deployment.id,
        runtime.deployment.name,
        runtime.deployment.parameters,
        runtime.flow_run.job_variables,
    ]


@pytest.mark.parametrize("in_processes", [False, True])
def test_runtime_of_a_deployment(server: MemoryServer, in_processes: bool) -> None:
    """A run of a deployment knows it, in subflows and in tasks too, those in other processes among them."""
    from alisio.engine.drivers import drive
    from alisio.engine.flow_rules import flow_steps
    from alisio.engine.reporter import open_recording

    seen: list[Any] = []

    @flow
    def inner() -> None:
        seen.append([runtime.deployment.id, runtime.flow_run.parent_deployment_id])

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1) if in_processes else None)
    def outer() -> None:
        seen.append(deployment_there.submit().result())
        inner()

    recording = open_recording()
    run = new_flow_run(outer, {}, recording.outbox)
    run.job = {
        "deployment_id": DEPLOYMENT,
        "deployment_name": "nightly",
        "parameters": {"x": 1},
        "job_variables": {"cpu": 2},
        "entrypoint": "not shown",
    }
    recording.outbox.open(run)
    drive(flow_steps(run))

    assert [[DEPLOYMENT, "nightly", {"x": 1}, {"cpu": 2}], [DEPLOYMENT, DEPLOYMENT]] == seen


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("FLOW_RUN__NAME", "mocked", "mocked"),
        ("FLOW_RUN__RUN_COUNT", "7", 7),
        ("FLOW_RUN__TAGS", "a, b", ["a", "b"]),
        ("FLOW_RUN__TAGS", '["a,b"]', ["a,b"]),
        ("FLOW_RUN__PARAMETERS", '{"x": 1}', {"x": 1}),
        ("FLOW_RUN__SCHEDULED_START_TIME", "2026-01-02T03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("FLOW_RUN__SCHEDULED_START_TIME", "2026-01-02T03:04+02:00", datetime(2026, 1, 2, 1, 4, tzinfo=UTC)),
        ("FLOW_RUN__MADE_UP", "this", "this"),
        ("TASK_RUN__TASK_NAME", "mocked", "mocked"),
        ("DEPLOYMENT__VERSION", "1.2", "1.2"),
    ],
)
def test_mocking(
    variable: str, text: str, expected: object, monkeypatch: pytest.MonkeyPatch, server: MemoryServer
) -> None:
    """A variable stands for an attribute, and is read as what that is, in a run and elsewhere."""
    monkeypatch.setenv(f"ALISIO__RUNTIME__{variable}", text)
    module, _, name = variable.lower().partition("__")

    @flow
    def outer() -> Any:
        return {"there": getattr(getattr(runtime, module), name)}

    assert expected == getattr(getattr(runtime, module), name)
    assert expected == outer()["there"]


@pytest.mark.parametrize(("name", "text"), [("RUN_COUNT", "many"), ("PARAMETERS", "[1]"), ("PARAMETERS", "x")])
def test_mocks_that_cannot_be_read(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not fit is refused by the variable's name."""
    monkeypatch.setenv(f"ALISIO__RUNTIME__FLOW_RUN__{name}", text)
    with pytest.raises(SettingsError, match=f"ALISIO__RUNTIME__FLOW_RUN__{name} cannot be read"):
        getattr(runtime.flow_run, name.lower())


def test_addresses(monkeypatch: pytest.MonkeyPatch, server: MemoryServer) -> None:
    """With a server, runs have an address in its API; without one they have none."""

    @flow
    def outer() -> tuple[str | None, str]:
        return runtime.flow_run.api_url, runtime.flow_run.id

    assert outer()[0] is None
    monkeypatch.setenv("ALISIO_API_URL", "http://127.0.0.1:9/api")
    address, id_ = outer()
    assert (f"http://127.0.0.1:9/api/flow-runs/{id_}", 4 + 3) == (address, UUID(id_).version)


def test_attributes_are_listed() -> None:
    """`dir` tells what may be asked."""
    assert {"deployment_id", "made_up"}.isdisjoint(dir(runtime.flow_run))
    assert {"id", "name", "version", "flow_run_id", "parameters"} == set(dir(runtime.deployment))
    assert {"id", "name", "task_name", "parameters", "tags", "run_count", "api_url"} == set(dir(runtime.task_run))
