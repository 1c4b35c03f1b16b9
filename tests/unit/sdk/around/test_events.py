"""`emit_event`: in runs and outside of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alisio import flow, task
from alisio.client import Client
from alisio.events import Event, emit_event
from tests.unit.sdk.conftest import MemoryServer, Style

FILE = {"alisio.resource.id": "s3://lake/raw.csv", "size": "12"}


def test_an_event_of_a_run_travels_in_its_reports(server: MemoryServer, style: Style) -> None:
    """It concerns the flow run, its flow and the task run besides what it is said to concern."""
    emitted: list[Event] = []

    def step() -> None:
        emitted.append(emit_event("file.arrived", FILE, related=[{"prefect.resource.id": "who"}], payload={"n": 1}))

    style.run_task(style.task(name="step")(step))

    run = server.only_run()
    [event] = emitted
    [told] = run.events.values()
    assert (event.id, "file.arrived", FILE, {"n": 1}) == (told.id, told.event, told.resource, told.payload)
    task_run = run.tasks["step-0"]
    assert ["who", f"alisio.flow-run.{run.id}", "alisio.flow.around", f"alisio.task-run.{task_run.id}"] == [
        each["alisio.resource.id"] for each in told.related
    ]
    assert None is told.flow_run_id


def test_characters_that_cannot_be_stored_are_replaced(server: MemoryServer) -> None:
    """NUL and halves of surrogate pairs must not have a run's reports refused."""

    @flow
    def around() -> None:
        emit_event("a\x00", {"alisio.resource.id": "b\udc80"}, payload={"c\udc80": "d\udc80"})

    around()

    [told] = server.only_run().events.values()
    assert ("a\N{SYMBOL FOR NULL}", {"alisio.resource.id": "b?"}, {"c?": "d?"}) == (
        told.event,
        told.resource,
        told.payload,
    )


def test_an_event_of_a_subflow_names_it(server: MemoryServer) -> None:
    """It is the subflow's, and reported with the root."""

    @flow
    def inner() -> None:
        emit_event("x", FILE)

    @flow
    def outer() -> None:
        inner()

    outer()

    run = server.only_run()
    assert [next(iter(run.subflows))] == [each.flow_run_id for each in run.events.values()]


def test_outside_of_runs_it_is_sent_at_once(client: Client) -> None:
    """The same id twice is stored once; an event follows another that is not long past."""
    now = datetime.now(UTC)
    first = emit_event("a", {"prefect.resource.id": "x"}, occurred=now)
    near = emit_event("b", FILE, occurred=now + timedelta(minutes=4), follows=first)
    far = emit_event("c", FILE, occurred=now + timedelta(minutes=6), follows=first)
    emit_event("a, again", FILE, id=first.id)

    assert ("a", {"alisio.resource.id": "x"}) == (
        client.read_event(first.id).event,
        client.read_event(first.id).resource,
    )
    assert (first.id, None) == (client.read_event(near.id).follows, client.read_event(far.id).follows)
    assert None is client.read_event(near.id).flow_run_id


@pytest.mark.parametrize(
    ("emit", "line"),
    [
        (lambda: emit_event("x", {}), "event 'x': resource: needs 'alisio.resource.id'"),
        (lambda: emit_event("", FILE), "event '': event: String should have at least 1 character"),
        (lambda: emit_event("x", "id"), "a resource is a mapping of labels to texts"),  # type: ignore[arg-type]
        (lambda: emit_event("x", FILE, occurred=datetime(2026, 5, 4)), "occurred must be a time with its time zone"),
        (lambda: emit_event("x", FILE, payload={"a": "x" * 100_000}), "event 'x': payload: may have 100,000 bytes"),
        (
            lambda: emit_event("x", FILE, related=[{**FILE, f"{n}": "x" * 999, f"b{n}": "x" * 999, "c": "x" * 999,
                                                    "d": "x" * 999} for n in range(90)]),
            "event 'x': may have 300,000 bytes",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_an_event(server: MemoryServer, emit: Callable[[], Any], line: str) -> None:
    """It is refused in one line, and nothing is told."""

    @task
    def step() -> None:
        with pytest.raises(ValueError) as caught:
            emit()
        assert line in str(caught.value)

    @flow
    def around() -> None:
        step()

    around()

    assert {} == server.only_run().events
