"""Values, functions and exceptions between processes, and places for calls; without any process."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass
from typing import Any

import pytest

from alisio import flow, task
from alisio.engine.remote.errors import received, sent
from alisio.engine.remote.news import Listener
from alisio.engine.remote.transfer import explained, pack, unpack
from alisio.engine.runs import TaskRun
from alisio.exceptions import FailedRunError
from alisio.task_runners.admission import Admission
from tests.waiting import wait_until

PATIENCE = 10.0


@task
def imported(n: int) -> int:
    """A task that can be imported by its name."""
    return n


@flow
def imported_flow() -> None:
    """A flow that can be imported by its name."""


@dataclass
class Holder:
    """Something with an attribute."""

    content: Any


def test_what_is_imported_travels_by_its_name() -> None:
    """Tasks, flows, and the functions under their decorators are the same objects where they arrive."""
    assert imported is unpack(pack(imported))
    assert imported_flow is unpack(pack(imported_flow))
    assert imported.fn is unpack(pack(imported.fn))


def test_what_cannot_be_imported_travels_by_value() -> None:
    """A function within another one arrives with what it closes over, and keeps the name of its file."""
    step = 3

    @task(name="adder")
    def add(n: int) -> int:
        return n + step

    arrived = unpack(pack(add))
    assert ("adder", 5) == (arrived.name, arrived.fn(2))
    assert __file__ == arrived.fn.__code__.co_filename


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (threading.Lock(), "x is a _thread.lock"),
        ({"a": [1, threading.Lock()]}, "x['a'][1] is a _thread.lock"),
        (Holder((0, threading.Lock())), "x.content[1] is a _thread.lock"),
    ],
)
def test_the_part_at_fault(value: Any, path: str) -> None:
    """The message leads to the part that cannot travel."""
    with pytest.raises(TypeError) as raised:
        pack(value)
    assert f"argument 'x' cannot travel between processes: {path}" in str(
        explained(raised.value, "argument 'x'", value, "x")
    )


class LockedError(Exception):
    """One that holds what cannot travel."""

    def __init__(self, name: str, lock: Any) -> None:
        super().__init__(name, lock)
        self.name = name
        self.lock = lock


def failure(raise_it: Any) -> BaseException:
    """Give what a function raises."""
    try:
        raise_it()
    except BaseException as error:
        return error
    raise AssertionError("it did not raise")


def test_exceptions_travel_with_what_they_can() -> None:
    """What an exception holds that cannot travel is left out, and its class and the rest stay."""

    def fail() -> None:
        raise LockedError("door", threading.Lock())

    arrived = received(sent(failure(fail)))
    assert isinstance(arrived, LockedError)
    assert ("door", False) == (arrived.name, hasattr(arrived, "lock"))


def test_a_class_that_cannot_travel() -> None:
    """Where even the class of an exception cannot travel, its words do."""
    lock = threading.Lock()

    class LocalError(Exception):
        held = lock

    def fail() -> None:
        raise LocalError("no key")

    arrived = received(sent(failure(fail)))
    assert isinstance(arrived, FailedRunError)
    assert "LocalError: no key" == str(arrived)


def test_tracebacks_travel() -> None:
    """The traceback reads as before, with lines of code, causes and notes."""

    def deep() -> None:
        raise KeyError("deep")

    def fail() -> None:
        try:
            deep()
        except KeyError as error:
            error.add_note("a note")
            raise ValueError("shallow") from error

    text = "".join(traceback.format_exception(received(sent(failure(fail)))))
    for expected in ("in deep", 'raise KeyError("deep")', "a note", "direct cause", "in fail", "ValueError: shallow"):
        assert expected in text


def frame(number: int) -> dict[str, Any]:
    """A frame of one event."""
    return {"events": [{"id": str(number)}], "process": "another"}


class Rows:
    """An outbox that keeps the order of what it is given."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def put_row(self, _kind: str, row: dict[str, Any]) -> None:
        """Keep a row's id."""
        self.ids.append(row["id"])

    def miss_logs(self, count: int) -> None:
        """Nothing is missed here."""
        assert 0 == count


@pytest.fixture
def listener() -> tuple[Listener, Rows]:
    """Takes frames of a run, and what its outbox was given."""
    run = TaskRun(imported, flow_run=None, tags=[], log_prints=False, args=(), kwargs={}, parameters={})
    rows = Rows()
    run.outbox = rows  # type: ignore[assignment]  # it has what is called here
    return Listener(run), rows


def test_frames_in_any_order(listener: tuple[Listener, Rows]) -> None:
    """Frames that come late, twice, or with the answer, are taken once and in their order."""
    listens, rows = listener
    for number in (2, 1, 1, 2, 4):
        listens.take(number, frame(number))
    assert ["1", "2"] == rows.ids

    listens.take_rest([(number, frame(number)) for number in (2, 3, 4, 5)])
    assert ["1", "2", "3", "4", "5"] == rows.ids


def test_frames_of_a_worker_that_died(listener: tuple[Listener, Rows]) -> None:
    """What came before a worker died is taken though something before it has not come."""
    listens, rows = listener
    for number in (1, 4, 3):
        listens.take(number, frame(number))
    listens.take_early()
    assert ["1", "3", "4"] == rows.ids


def test_places(request: pytest.FixtureRequest) -> None:
    """No more calls run than there are places; new places are found when they are looked for."""
    places = 1
    admission = Admission(lambda: places)
    request.addfinalizer(admission.close)
    hold, begun = threading.Event(), []

    def call(number: int) -> None:
        begun.append(number)
        hold.wait(PATIENCE)

    for number in range(3):
        admission.submit(lambda number=number: call(number))
    wait_until(lambda: [0] == begun)
    places = 2
    admission.admit()
    wait_until(lambda: [0, 1] == begun)
    hold.set()
    wait_until(lambda: [0, 1, 2] == begun)


def test_a_place_that_is_lent(request: pytest.FixtureRequest) -> None:
    """While a call does without its place another one runs, and then it waits for a place before those that are new."""
    admission = Admission(lambda: 1)
    request.addfinalizer(admission.close)
    order: list[str] = []
    lent, back, hold = threading.Event(), threading.Event(), threading.Event()

    def sleeper() -> None:
        with admission.without_place():
            lent.set()
            back.wait(PATIENCE)
        order.append("sleeper")

    def other() -> None:
        order.append("other")
        back.set()
        hold.wait(PATIENCE)

    admission.submit(sleeper)
    assert lent.wait(PATIENCE)
    admission.submit(other)
    wait_until(lambda: ["other"] == order)
    admission.submit(lambda: order.append("late"))
    wait_until(lambda: len(admission._waiting) == 2)
    hold.set()
    wait_until(lambda: ["other", "sleeper", "late"] == order)


def test_a_closed_admission() -> None:
    """What waits when it is closed never begins, and nothing more is taken."""
    admission = Admission(lambda: 0)
    admission.submit(lambda: pytest.fail("it began"))
    admission.close()
    with pytest.raises(RuntimeError, match="shut down"):
        admission.submit(lambda: None)
