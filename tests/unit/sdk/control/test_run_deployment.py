"""Asking for runs of deployments from the code of flows, on the embedded back end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pydantic
import pytest

from alisio import flow, tags, task
from alisio.contract.deployments import Deployment, DeploymentSpec
from alisio.contract.runs import FlowRunFilter, FlowRunQuery
from alisio.contract.work_pools import WorkPoolCreate
from alisio.deployments import arun_deployment, run_deployment
from alisio.exceptions import InvalidInputError, NotFoundError, ParameterError
from alisio.states import State
from tests.unit.sdk.conftest import Style
from tests.unit.sdk.control.conftest import Person

NAME = "other/daily"


@pytest.fixture
def deployment(person: Person) -> Deployment:
    """A deployment that nobody runs."""
    person.client.create_work_pool(WorkPoolCreate(name="local"))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "day": {}, "model": {}}}
    spec = DeploymentSpec(
        flow_name="other",
        name="daily",
        entrypoint="f.py:f",
        work_pool_name="local",
        parameter_schema={**schema, "additionalProperties": False},
        tags=["theirs"],
    )
    return person.client.apply_deployment(spec)


class Model(pydantic.BaseModel):
    """A parameter."""

    n: int


def test_a_run_is_asked_for_with_all_that_is_said(person: Person, deployment: Deployment) -> None:
    """Outside of flows it has no parent; `timeout=0` does not wait; parameters become JSON."""
    due = datetime(2099, 1, 1, 12, tzinfo=UTC)
    with tags("around"):
        run = run_deployment(
            deployment.id,
            parameters={"n": 1, "day": due.date(), "model": Model(n=2)},
            scheduled_time=due,
            flow_run_name="mine",
            timeout=0,
            tags=["more"],
            job_variables={"env": {"A": "1"}},
            idempotency_key="k",
            work_queue_name="default",
        )
    assert {"n": 1, "day": "2099-01-01", "model": {"n": 2}} == run.parameters
    assert ("mine", due, ["theirs", "around", "more"], {"env": {"A": "1"}}, None) == (
        run.name, run.due, run.tags, run.job_variables, run.parent_flow_run_id
    )  # fmt: skip
    assert isinstance(run.state, State)
    assert run.state.is_scheduled()
    assert run.id == run_deployment(NAME, timeout=0, idempotency_key="k").id
    assert run.id == run_deployment(str(deployment.id), timeout=0, idempotency_key="k").id


@pytest.mark.parametrize("linked", [True, False])
def test_a_retried_flow_does_not_ask_twice(person: Person, deployment: Deployment, style: Style, linked: bool) -> None:
    """Each place in its code has one run, whatever the attempt; the runs are its subflows unless it says otherwise."""
    seen: list[list[Any]] = []

    @task
    def three() -> int:
        return 3

    def noted(runs: list[Any]) -> None:
        seen.append([run.id for run in runs])
        if len(seen) == 1:
            raise ValueError("again")

    options: dict[str, Any] = {"timeout": 0, "as_subflow": linked}

    @flow(name="asks", retries=1)
    def asks() -> None:
        noted([run_deployment(NAME, parameters={"n": three.submit()}, **options) for _ in range(2)])

    @flow(name="asks", retries=1)
    async def asks_async() -> None:
        noted([await run_deployment(NAME, parameters={"n": three.submit()}, **options) for _ in range(2)])

    style.run(asks_async if style.is_async else asks)

    first, second = seen
    assert first == second
    runs = person.client.filter_flow_runs(FlowRunQuery(filter=FlowRunFilter(flow_names=["other"]))).items
    assert 2 == len({run.id for run in runs} & set(first))
    parent = person.client.filter_flow_runs(FlowRunQuery(filter=FlowRunFilter(flow_names=["asks"]))).items[0]
    assert {parent.id if linked else None} == {run.parent_flow_run_id for run in runs}


def test_a_run_that_did_not_complete_is_asked_for_again(person: Person, deployment: Deployment) -> None:
    """A retried flow would else fail for ever for what has failed once."""
    seen: list[Any] = []

    @flow(retries=2)
    def asks() -> None:
        seen.append(run_deployment(NAME, timeout=0).id)
        if len(seen) == 1:
            person.client.cancel_flow_run(seen[0])
        if len(seen) < 3:
            raise ValueError("again")

    asks()
    assert seen[0] != seen[1]
    assert seen[1] == seen[2]


def test_waiting_ends_with_the_time_limit(person: Person, deployment: Deployment) -> None:
    """Nobody runs it: it is given as it is then."""
    assert run_deployment(NAME, timeout=0.2, poll_interval=0.05).state.is_scheduled()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"name": "other/none"}, NotFoundError, "none"),
        ({"name": "none"}, ValueError, "write flow/deployment"),
        ({"name": 5}, ValueError, "write flow/deployment"),
        ({"scheduled_time": "tomorrow"}, ValueError, "scheduled_time must be a datetime, not 'tomorrow'"),
        ({"timeout": -1}, ValueError, "timeout must be 0 seconds or more"),
        ({"poll_interval": 0}, ValueError, "poll_interval must be more than 0"),
        ({"tags": "text"}, ValueError, "tags are several texts"),
        ({"parameters": {"n": object()}}, ParameterError, "parameter 'n' cannot be written as JSON"),
        ({"parameters": {"n": "x"}}, InvalidInputError, "parameters.n"),
        ({"work_queue_name": "none"}, NotFoundError, "no queue 'none'"),
    ],
)
def test_what_cannot_be_asked_is_named(
    person: Person, deployment: Deployment, arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Nothing is asked for then."""
    with pytest.raises(error, match=said):
        run_deployment(**{"name": NAME, "timeout": 0, **arguments})
    assert [] == person.client.filter_flow_runs(FlowRunQuery()).items


def test_a_task_that_fails_keeps_its_result_from_being_asked_with(person: Person, deployment: Deployment) -> None:
    """Its exception is raised, as where its result is asked for."""

    @task
    def fails() -> int:
        raise ValueError("no number")

    @flow
    def asks() -> None:
        run_deployment(NAME, parameters={"n": fails.submit()}, timeout=0)

    with pytest.raises(ValueError, match="no number"):
        asks()


def test_it_is_awaited_outside_of_flows_too(person: Person, deployment: Deployment) -> None:
    """Where an event loop runs, and always by its name with an `a`."""

    async def ask() -> list[Any]:
        return [await run_deployment(NAME, timeout=0), await arun_deployment(NAME, timeout=0)]

    first, second = asyncio.run(ask())
    assert first.id != second.id
