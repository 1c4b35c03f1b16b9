"""Names of runs."""

from __future__ import annotations

import datetime

import pytest

from alisio import flow, runtime, task
from alisio.exceptions import ParameterError
from tests.unit.sdk.conftest import MemoryServer, Style


def test_templates(server: MemoryServer, style: Style) -> None:
    """Names are filled from the parameters, the defaults included, with the formats that Python knows."""

    @task(task_run_name="hello-{name}-on-{date:%A}")
    def greet(name: str, date: datetime.datetime) -> None: ...

    @style.flow(flow_run_name="{name}-on-{date:%A}")
    def greetings(name: str, date: datetime.datetime = datetime.datetime(2026, 2, 2)) -> None:
        greet(name, date)

    style.run(greetings, "ada")

    run = server.only_run()
    assert "ada-on-Monday" == run.facts["name"]
    assert ["hello-ada-on-Monday"] == list(run.tasks)


def test_templates_of_methods(server: MemoryServer) -> None:
    """Templates of methods may name the object or the class that they are called on."""

    class Town:
        def __init__(self, name: str) -> None:
            self.name = name

        @task(task_run_name="{self.name}-{n}")
        def step(self, n: int) -> int:
            return n

        @flow(flow_run_name="{self.name}-{n}")
        def one(self, n: int) -> int:
            return self.step.submit(n).result()

        @classmethod
        @flow(flow_run_name="{cls.__name__}-{n}")
        def all(cls, n: int) -> int:
            return n

    assert (1, 2) == (Town("oslo").one(1), Town.all(2))

    by_name = {run.facts["name"]: run for run in server.all_runs()}
    assert {"oslo-1", "Town-2"} == set(by_name)
    assert ["oslo-1"] == list(by_name["oslo-1"].tasks)


def test_functions(server: MemoryServer) -> None:
    """A function may make the name; what it asks of the runtime is there."""

    @task(task_run_name=lambda: f"t-{runtime.task_run.task_name}-{runtime.task_run.parameters['n']}")
    def step(n: int) -> None: ...

    @flow(flow_run_name=lambda: f"f-{runtime.flow_run.flow_name}-{runtime.flow_run.parameters['n']}")
    def outer(n: int) -> None:
        step(n)

    outer(3)

    run = server.only_run()
    assert ("f-outer-3", ["t-step-3"]) == (run.facts["name"], list(run.tasks))


def test_name_of_a_result(server: MemoryServer) -> None:
    """A submitted task's name is made from the results in its arguments, not from futures."""

    @task(task_run_name="got-{n}")
    def got(n: int) -> int:
        return n + 1

    @flow
    def outer() -> None:
        got.submit(got.submit(1))

    outer()

    assert {"got-1", "got-2"} == set(server.only_run().tasks)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{n:%Q%}", "does not fit the parameters"),
        ("{n.x}", "does not"),
        ("{n[key]}", "does not"),
    ],
)
def test_bad_template(server: MemoryServer, style: Style, template: str, message: str) -> None:
    """A template that does not fit fails the run with one line that names the option."""

    @style.flow(flow_run_name=template)
    def outer(n: int) -> None: ...

    with pytest.raises(ParameterError, match=f"flow_run_name of flow 'outer'.*{message}"):
        style.run(outer, 1)
    assert "FAILED" == server.only_run().state.type


def test_default_name(server: MemoryServer) -> None:
    """A flow run that nobody named has a name of two words."""

    @flow
    def outer() -> None: ...

    outer()

    assert 2 == len(server.only_run().facts["name"].split("-"))
