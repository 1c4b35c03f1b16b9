"""Pausing in the code of a flow, synchronous and asynchronous, on the embedded back end."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import pytest

from alisio import flow, task
from alisio.context import current_flow_run
from alisio.engine.pause_requests import ask_to_pause
from alisio.engine.reporter import current_reporter
from alisio.exceptions import ConflictError, FlowPauseTimeout, MissingContextError
from alisio.flow_runs import pause_flow_run, resume_flow_run, suspend_flow_run, wait_for_flow_run
from alisio.input import RunInput
from tests.unit.sdk.conftest import Style
from tests.unit.sdk.control.conftest import Person


class Shirt(RunInput):
    """An input with a validator of its own."""

    size: Literal["small", "large"]
    colour: str = "red"

    @pydantic.model_validator(mode="after")
    def _in_stock(self) -> Shirt:
        if (self.size, self.colour) == ("small", "green"):
            raise ValueError("green is large only")
        return self


class Plain(pydantic.BaseModel):
    """A model that knows nothing of runs."""

    n: int


def pausing(style: Style, **options: Any) -> Any:
    """Make a flow of this style that gives what it was resumed with."""

    @style.flow(name="pauses")
    def pauses() -> Any:
        return pause_flow_run(poll_interval=0.05, **options)

    return pauses


KINDS: list[tuple[Any, dict[str, Any] | None, Any]] = [
    (None, None, None),
    (int, {"value": 3}, 3),
    (list[str], {"value": ["a"]}, ["a"]),
    (Shirt, {"size": "large"}, Shirt(size="large")),
    (Shirt.with_initial_data(description="**Which?**", size="small"), {}, Shirt(size="small")),
]


@pytest.mark.parametrize(("kind", "given", "expected"), KINDS, ids=["nothing", "int", "list", "model", "initial"])
def test_a_flow_waits_until_it_is_resumed(
    style: Style, person: Person, kind: Any, given: dict[str, Any] | None, expected: Any
) -> None:
    """It is PAUSED meanwhile, and is given what it asked for, as the type that it asked for."""
    person.resumes(given)

    answer = style.run(pausing(style, wait_for_input=kind))

    if isinstance(expected, RunInput):
        assert isinstance(answer, Shirt)
        expected, answer = expected.model_dump(), answer.model_dump()
    assert expected == answer
    assert ["Running", "Paused", "Running", "Completed"] == person.history(person.last_run().id)


def test_a_plain_model_is_given_as_it_is(style: Style, person: Person) -> None:
    """It is an input with the fields of the model, and an instance of it."""
    person.resumes({"n": 3})
    answer = style.run(pausing(style, wait_for_input=Plain))
    assert isinstance(answer, Plain)
    assert isinstance(answer, RunInput)
    assert 3 == answer.n


def test_a_form_is_described(person: Person) -> None:
    """Whoever resumes it sees the schema with the initial data, and the text."""
    person.resumes({})
    pausing(Style(False), wait_for_input=Shirt.with_initial_data(description="**Which?**", size="small"))()
    person.leave()
    [pause] = person.seen
    assert "**Which?**" == pause.description
    assert "small" == pause.input_schema["properties"]["size"]["default"]


def test_what_only_the_model_can_tell_is_raised_in_the_flow(person: Person) -> None:
    """The flow can catch it and pause once more, which is another pause."""

    @flow
    def order() -> str:
        while True:
            try:
                shirt = pause_flow_run(wait_for_input=Shirt, poll_interval=0.05)
            except pydantic.ValidationError:
                continue
            return f"{shirt.size} {shirt.colour}"

    person.resumes({"size": "small", "colour": "green"}, {"size": "large", "colour": "green"})
    assert "large green" == order()


def test_a_flow_that_is_not_resumed_fails(style: Style, person: Person) -> None:
    """The exception can be caught; where it is not, it ends the run."""
    with pytest.raises(FlowPauseTimeout, match=r"paused and not resumed within 0\.2 s"):
        style.run(pausing(style, timeout=0.2))
    assert ["Running", "Paused", "Running", "Failed"] == person.history(person.last_run().id)


def test_a_pause_is_not_hit_again_by_a_retry(person: Person) -> None:
    """The second attempt goes through the pause that was resumed."""
    attempts = []

    @flow(retries=1)
    def twice() -> int:
        attempts.append(1)
        given: int = pause_flow_run(wait_for_input=int, poll_interval=0.05)
        if len(attempts) == 1:
            raise ValueError("once")
        return given

    person.resumes({"value": 4})
    assert 4 == twice()
    assert [1, 1] == attempts


def test_a_subflow_pauses_the_run_at_the_top(style: Style, person: Person) -> None:
    """That is the one that a person resumes."""

    @style.flow(name="inner")
    def inner() -> Any:
        return pause_flow_run(poll_interval=0.05, wait_for_input=int)

    @style.flow(name="outer")
    def outer() -> Any:
        return inner()

    person.resumes({"value": 5})
    assert 5 == style.run(outer)
    [pause] = person.seen
    assert "outer" == person.client.read_flow_run(pause.flow_run_id).flow_name


def test_a_run_that_is_asked_to_pause_does_so_at_its_next_task(style: Style, person: Person) -> None:
    """The word comes with the answer to a report; here it is there already."""

    @style.task()
    def step(n: int) -> int:
        return n

    @style.flow(name="asked")
    def asked() -> Any:
        run = current_flow_run.get()
        assert run is not None
        assert current_reporter().flush(60)
        person.client.pause_flow_run(run.id)
        ask_to_pause(run, "pause")
        person.resumes(None)
        return step(1)

    assert 1 == style.run(asked)
    assert ["Running", "Pausing", "Paused", "Running", "Completed"] == person.history(person.last_run().id)


def test_a_run_by_hand_is_not_suspended(style: Style, person: Person) -> None:
    """Nothing would start it again, and the error says so."""

    @style.flow(name="suspends")
    def suspends() -> Any:
        return suspend_flow_run()

    with pytest.raises(ConflictError, match="nothing starts a run by hand again"):
        style.run(suspends)
    assert "FAILED" == person.last_run().state.type


def test_where_it_cannot_be_paused() -> None:
    """Outside of flows, and in tasks, it says where it belongs."""
    with pytest.raises(MissingContextError, match="call this from the code of a flow"):
        pause_flow_run()

    @task
    def inside() -> None:
        pause_flow_run()

    with pytest.raises(RuntimeError, match="a task cannot pause its flow run"):
        inside()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"poll_interval": 0}, "poll_interval must be more than 0"),
        ({"key": ""}, "key must be a text of 1 to 200 characters"),
        ({"wait_for_input": object()}, "is no type that a run can be given"),
    ],
)
def test_wrong_options_are_named(person: Person, options: dict[str, Any], said: str) -> None:
    """The run fails at once, and does not wait."""

    @flow
    def wrong() -> None:
        pause_flow_run(**options)

    with pytest.raises((ValueError, TypeError), match=said):
        wrong()


def test_a_run_is_waited_for_and_resumed_from_python(person: Person) -> None:
    """`wait_for_flow_run` gives the run as it has ended; what is not paused is not resumed."""

    @flow
    def quick() -> None:
        """End at once."""

    quick()
    run = person.last_run()
    assert run.id == wait_for_flow_run(run.id).id
    with pytest.raises(ConflictError, match="only a paused or suspended one can be resumed"):
        resume_flow_run(run.id)
