"""Looking at what ran, and assertions about it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from alisio import flow, get_run_logger, task
from alisio.contract.states import StateType
from alisio.states import Cancelled
from alisio.testing import (
    alisio_test_harness,
    assert_cancelled,
    assert_completed,
    assert_failed,
    assert_state,
    flow_runs,
    last_flow_run,
    logs_of,
    task_runs_of,
)


@pytest.fixture(autouse=True)
def harness() -> Iterator[None]:
    """A back end for each test."""
    with alisio_test_harness():
        yield


@task
def careful(n: int) -> int:
    """Fail for what is too large."""
    get_run_logger().warning("looking at %d", n)
    if n > 1:
        raise ValueError(f"{n} is too large")
    return n


@flow(log_prints=True)
def all_of_them(n: int) -> None:
    """Call a task for each number."""
    print("begun")  # noqa: T201
    for each in range(n):
        careful(each)


@flow
def outer() -> None:
    """Call a subflow."""
    all_of_them(1)


def test_what_ran() -> None:
    """Runs, their task runs and their lines are there as soon as the flow has returned."""
    all_of_them(2)
    run = last_flow_run()
    assert ["careful-0", "careful-1"] == [each.name for each in task_runs_of(run)]
    (second,) = task_runs_of(run.id, "careful-1")
    assert ["looking at 1"] == [line.message for line in logs_of(second, logging.WARNING)]
    assert ["looking at 0", "looking at 1"] == [line.message for line in logs_of(run, logging.WARNING)]
    assert "begun" in [line.message for line in logs_of(run.id)]


def test_subflows() -> None:
    """A subflow run is found by its flow's name, and is not the last run where no name is given."""
    outer()
    assert {"outer", "all-of-them"} == {run.flow_name for run in flow_runs()}
    assert "outer" == last_flow_run().flow_name
    assert last_flow_run().id == last_flow_run("all-of-them").parent_flow_run_id


def test_many_lines() -> None:
    """More than a page of lines is given whole."""

    @flow
    def talking() -> None:
        for n in range(1_200):
            get_run_logger().error("%d", n)

    talking()
    assert [str(n) for n in range(1_200)] == [line.message for line in logs_of(last_flow_run(), logging.ERROR)]


def test_nothing_ran() -> None:
    """Asking for a run where there is none fails the test."""
    with pytest.raises(AssertionError, match="no flow has run"):
        last_flow_run()
    with pytest.raises(AssertionError, match="flow 'other' has not run"):
        last_flow_run("other")


def test_states_of_all_kinds() -> None:
    """States, futures, runs and ids can be asserted about."""

    @flow
    def submitting() -> None:
        assert_completed(careful.submit(1))
        assert_failed(careful.submit(5), match="5 is too large")

    state = submitting(return_state=True)
    assert_completed(state)
    assert_completed(last_flow_run())
    assert_completed(last_flow_run().id)
    first, second = task_runs_of(last_flow_run())
    assert_completed(first)
    assert_state(second, "Failed", "too large")
    assert_state(second, StateType.FAILED)
    assert_cancelled(Cancelled())


def test_what_a_failure_says() -> None:
    """One that does not hold names the run, its state and message, and the warnings in its log."""
    all_of_them(3, return_state=True)
    run = last_flow_run()
    with pytest.raises(AssertionError) as caught:
        assert_completed(run)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(f"flow run {run.name!r} is Failed, not COMPLETED: ")
    assert "  WARNING looking at 2" in lines
    with pytest.raises(AssertionError, match=r"is Failed as expected, but 'elsewhere' is not in its message"):
        assert_failed(run, match="elsewhere")
