"""States: constructors, predicates, results; and what a flow's final state is, whatever it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from alisio import State, flow, states, task
from alisio.contract.states import StateType
from alisio.exceptions import CancelledRunError, CrashedRunError, FailedRunError, UnfinishedRunError
from alisio.states import Cancelled, Completed, Failed, Running
from tests.unit.sdk.conftest import MemoryServer, Style


@pytest.mark.parametrize(
    ("make", "type_", "name"),
    [
        (states.Scheduled, "SCHEDULED", "Scheduled"),
        (states.Late, "SCHEDULED", "Late"),
        (states.AwaitingRetry, "SCHEDULED", "AwaitingRetry"),
        (states.AwaitingConcurrencySlot, "SCHEDULED", "AwaitingConcurrencySlot"),
        (states.Pending, "PENDING", "Pending"),
        (states.Running, "RUNNING", "Running"),
        (states.Retrying, "RUNNING", "Retrying"),
        (states.Paused, "PAUSED", "Paused"),
        (states.Suspended, "PAUSED", "Suspended"),
        (states.Cancelling, "CANCELLING", "Cancelling"),
        (states.Completed, "COMPLETED", "Completed"),
        (states.Failed, "FAILED", "Failed"),
        (states.Crashed, "CRASHED", "Crashed"),
        (states.Cancelled, "CANCELLED", "Cancelled"),
    ],
)
def test_constructors_and_predicates(make: Callable[..., State[Any]], type_: str, name: str) -> None:
    """Each constructor makes its state, with a message and another name where these are given; one predicate holds."""
    state = make(message="because")

    assert (type_, name, "because") == (state.type.value, state.name, state.message)
    assert "Mine" == make(name="Mine").name
    predicates = {each: getattr(state, f"is_{each.value.lower()}")() for each in StateType}
    assert {StateType(type_)} == {each for each, holds in predicates.items() if holds}
    assert (type_ in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")) == state.is_final()
    assert abs((datetime.now(UTC) - state.timestamp).total_seconds()) < 60


def test_scheduled_time() -> None:
    """A state that waits for its time knows it; by default that is now."""
    at = datetime(2030, 1, 1, tzinfo=UTC)
    assert at == states.Scheduled(scheduled_time=at).scheduled_time
    assert states.AwaitingRetry().scheduled_time is not None
    assert states.Running().scheduled_time is None


@pytest.mark.parametrize(
    ("state", "error", "text"),
    [
        (Failed(data=ValueError("mine")), ValueError, "mine"),
        (Failed(message="bad data"), FailedRunError, "bad data"),
        (Failed(data="bad data"), FailedRunError, "bad data"),
        (Failed(data=[Completed(data=1), Failed(data=KeyError("first"))]), KeyError, "first"),
        (states.Crashed(message="killed"), CrashedRunError, "killed"),
        (Cancelled(), CancelledRunError, "the run is Cancelled"),
        (Running(), UnfinishedRunError, "the run is Running"),
    ],
)
def test_result_of_what_went_wrong(state: State[Any], error: type[Exception], text: str) -> None:
    """The result is raised: the exception where there is one, also that of the first failure in a list of states."""
    with pytest.raises(error, match=text):
        state.result()
    with pytest.raises(error, match=text):
        asyncio.run(state.aresult())
    assert isinstance(state.result(raise_on_failure=False), error)


def test_exceptions_of_states() -> None:
    """The exception of a state can be had, and raised; a state that is well has none."""
    mine = ValueError("mine")
    assert mine is states.get_state_exception(Failed(data=mine))
    with pytest.raises(ValueError, match="mine"):
        states.raise_state_exception(Failed(data=mine))
    states.raise_state_exception(Completed())
    with pytest.raises(ValueError, match="Completed has no exception"):
        states.get_state_exception(Completed())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Completed(message=5), "the message of a state must be a text, not 5"),
        (lambda: Failed(name=5), "the name of a state must be a text, not 5"),
        (lambda: State("ENDED"), "the type of a state must be one of SCHEDULED, .*, not 'ENDED'"),
    ],
)
def test_states_that_cannot_be(server: MemoryServer, make: Callable[[], State[Any]], text: str) -> None:
    """What cannot be a state fails where the user's code makes it, and so does the flow."""

    @flow
    def outer() -> State[Any]:
        return make()

    assert "Failed" == outer(return_state=True).name
    with pytest.raises(ValueError, match=text):
        outer()


def test_is_state_iterable() -> None:
    """Lists, tuples and sets of states are; what is empty, or has something else in it, is not."""
    assert states.is_state_iterable([Completed(), Failed()])
    assert states.is_state_iterable({Completed()})
    assert not any(states.is_state_iterable(each) for each in ([], [Completed(), 1], iter([Completed()]), Completed()))


@task
def good() -> int:
    """Give 1."""
    return 1


@task
def bad() -> int:
    """Fail."""
    raise ValueError("no")


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (lambda: None, ("COMPLETED", "Completed", None)),
        (lambda: ValueError("told"), ("COMPLETED", "Completed", None)),
        (lambda: Completed(message="fine", name="Skipped"), ("COMPLETED", "Skipped", "fine")),
        (lambda: Failed(message="bad"), ("FAILED", "Failed", "bad")),
        (lambda: Cancelled(message="enough"), ("CANCELLED", "Cancelled", "enough")),
        (lambda: good.submit(), ("COMPLETED", "Completed", None)),
        (lambda: bad.submit(), ("FAILED", "Failed", "ValueError: no")),
        (lambda: [good.submit(), Completed()], ("COMPLETED", "Completed", "all 2 states are completed")),
        (
            lambda: (good(return_state=True), bad(return_state=True)),
            ("FAILED", "Failed", "1 of 2 states are not completed; the first: ValueError: no"),
        ),
        (lambda: {Cancelled()}, ("CANCELLED", "Cancelled", "1 of 1 states are not completed; the first: Cancelled")),
        (lambda: ("bar", bad(return_state=True)), ("COMPLETED", "Completed", None)),
        (lambda: {"a": bad.submit()}, ("COMPLETED", "Completed", None)),
        (lambda: Running(), ("FAILED", "Failed", "the flow returned a state that is not final: Running()")),
    ],
)
def test_final_state(
    server: MemoryServer, style: Style, returned: Callable[[], Any], expected: tuple[str, str, str | None]
) -> None:
    """What a flow returns decides on its state: a state itself, futures and states by the worst; all else is well."""
    state = style.run(style.flow(name="main")(returned), return_state=True)

    assert expected == (state.type.value, state.name, state.message)
    recorded = server.only_run().state
    assert expected == (recorded.type.value, recorded.name, recorded.message)


def test_result_of_returned_states(server: MemoryServer) -> None:
    """A flow that returns states with a failure among them raises that failure's exception."""

    @flow
    def main() -> Any:
        return [good.submit(), bad.submit()]

    with pytest.raises(ValueError, match="no"):
        main()
