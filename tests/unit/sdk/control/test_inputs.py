"""Sending inputs to runs and receiving them, on the embedded back end."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pydantic
import pytest

from alisio import flow
from alisio.exceptions import MissingContextError, NotFoundError
from alisio.input import RunInput, receive_input, send_input
from alisio.input.run_input import run_input_subclass_from_type
from tests.unit.sdk.control.conftest import Person


class Number(RunInput):
    """An input."""

    number: int


class Fact(pydantic.BaseModel):
    """A model that knows nothing of runs."""

    text: str


@pytest.fixture
def run_id(person: Person) -> UUID:
    """A run that has ended, and can be sent to all the same."""

    @flow
    def quick() -> None:
        """End at once."""

    quick()
    return person.last_run().id


@pytest.mark.parametrize(
    ("kind", "values"),
    [(str, ["a", "b"]), (int, [1]), (list[int], [[1, 2]]), (dict[str, int], [{"a": 1}]), (bool, [True])],
    ids=["str", "int", "list", "dict", "bool"],
)
def test_values_are_received_in_order(person: Person, run_id: UUID, kind: Any, values: list[Any]) -> None:
    """Each as it was sent; those of other types are not mixed in, and a loop ends when none comes in time."""
    send_input(3.5, run_id)
    for value in values:
        send_input(value, run_id)

    assert values == list(receive_input(kind, flow_run_id=run_id, timeout=0.01, poll_interval=0.01))


def test_models_are_received(person: Person, run_id: UUID) -> None:
    """Of both kinds, with what is known of them."""
    Number(number=4).send_to(run_id, sender="me")
    send_input(Fact(text="x"), run_id)

    [number] = Number.receive(flow_run_id=run_id, timeout=0.01, poll_interval=0.01)
    assert (4, "me", run_id) == (number.number, number.metadata.sender, number.metadata.receiver)
    [fact] = receive_input(Fact, flow_run_id=run_id, timeout=0.01, poll_interval=0.01)
    assert (True, "x") == (isinstance(fact, Fact), fact.text)
    again = Number.receive(flow_run_id=run_id, timeout=0.01, poll_interval=0.01, exclude_keys=[number.metadata.key])
    assert [] == list(again)


def test_a_receiver_keeps_its_place(person: Person, run_id: UUID) -> None:
    """`next` goes on where it was; when none comes in time it says so, and a loop does if it is told to."""
    receiver = receive_input(int, flow_run_id=run_id, timeout=0.01, poll_interval=0.01, with_metadata=True)
    send_input(1, run_id)
    assert 1 == receiver.next().value
    send_input(2, run_id)
    assert 2 == receiver.next().value
    with pytest.raises(TimeoutError, match=r"no input came within 0\.01 s"):
        receiver.next()
    loud = receive_input(int, flow_run_id=run_id, timeout=0.01, poll_interval=0.01, raise_timeout_error=True)
    with pytest.raises(TimeoutError):
        list(loud)


def test_a_prefix_keeps_conversations_apart(person: Person, run_id: UUID) -> None:
    """Who is given another prefix receives only that."""
    send_input(1, run_id, key_prefix="mine")
    send_input(2, run_id)
    found = receive_input(int, flow_run_id=run_id, key_prefix="mine", timeout=0.01, poll_interval=0.01)
    assert [1] == list(found)


def test_asynchronous_flows_answer_each_other(person: Person) -> None:
    """The sender is known, so a flow can respond; here it is itself."""

    @flow
    async def talks() -> list[str]:
        from alisio.runtime import flow_run

        await send_input(Number(number=2), flow_run.id)
        asked = await Number.receive(timeout=60, poll_interval=0.02).next()
        await asked.respond("four")
        return [word async for word in receive_input(str, timeout=0.05, poll_interval=0.02)]

    assert ["four"] == asyncio.run(talks())


def test_what_cannot_be_done_is_said(person: Person, run_id: UUID) -> None:
    """There must be a run to send to and to receive for, and somebody to respond to."""
    with pytest.raises(NotFoundError):
        send_input(1, uuid4())
    with pytest.raises(ValueError, match="flow_run_id must be the id of a flow run, a UUID, not 'nobody'"):
        send_input(1, "nobody")
    with pytest.raises(ValueError, match=r"an input must be something that JSON has: .*object"):
        send_input(object(), run_id)
    with pytest.raises(MissingContextError, match="give flow_run_id"):
        receive_input(int)
    with pytest.raises(RuntimeError, match="was not received"):
        _ = Number(number=1).metadata
    send_input(Number(number=1), run_id)
    with pytest.raises(RuntimeError, match="was not sent by a flow run"):
        Number.receive(flow_run_id=run_id, timeout=0.01, poll_interval=0.01).next().respond(2)
    with pytest.raises(ValueError, match="has no field 'nunber'; there are: number"):
        Number.with_initial_data(nunber=1)
    with pytest.raises(TypeError, match="is no type that a run can be given"):
        run_input_subclass_from_type(object())
