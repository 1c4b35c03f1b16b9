"""Flows: results, states, retries, ends, and what the server is told of them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from alisio import State, flow, get_run_logger, task
from alisio.contract.reports import Directive, DirectiveKind
from alisio.exceptions import FailedRunError, FlowTimeoutError, Pause, UnfinishedRunError
from alisio.states import Cancelled, Completed, Failed, Running
from tests.unit.sdk.conftest import MemoryServer, Style


def test_result_and_record(server: MemoryServer, style: Style) -> None:
    """A flow gives what its function returns, and its run is recorded with its parameters."""

    @style.flow()
    def add_up(a: int, b: int = 2) -> int:
        """Add two numbers."""
        return a + b

    assert 3 == style.run(add_up, 1)

    run = server.only_run()
    assert ("add-up", {"a": 1, "b": 2}) == (run.facts["flow_name"], run.facts["parameters"])
    assert ["Running", "Completed"] == run.state_names
    assert "Add two numbers." == add_up.description


def test_exception(server: MemoryServer, style: Style) -> None:
    """An exception of the function is raised by the call, and its run is FAILED with one line that says it."""

    @style.flow()
    def broken() -> None:
        raise ValueError("no such\ntown")

    with pytest.raises(ValueError, match="no such"):
        style.run(broken)

    run = server.only_run()
    assert ("FAILED", "ValueError: no such town") == (run.state.type, run.state.message)
    assert any("Traceback" in message for message in run.messages)


def test_return_state(server: MemoryServer, style: Style) -> None:
    """With `return_state` a call gives the final state, from which the result or the exception is got."""

    @style.flow()
    def halve(n: int) -> float:
        return 1 / n

    good = style.run(halve, 2, return_state=True)
    bad = style.run(halve, 0, return_state=True)

    assert good.is_completed()
    assert 0.5 == good.result()
    assert bad.is_failed()
    assert isinstance(bad.result(raise_on_failure=False), ZeroDivisionError)


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (Completed(message="nothing to do", name="Skipped"), ("COMPLETED", "Skipped")),
        (Failed(message="bad data"), ("FAILED", "Failed")),
        (Cancelled(message="enough"), ("CANCELLED", "Cancelled")),
        (Running(), ("FAILED", "Failed")),
    ],
)
def test_returned_state(server: MemoryServer, style: Style, returned: State[Any], expected: tuple[str, str]) -> None:
    """A state that the function returns is the run's own; one that is not final is a failure."""

    @style.flow()
    def judge() -> State[Any]:
        return returned

    state = style.run(judge, return_state=True)

    assert expected == (state.type.value, state.name)
    assert expected == (server.only_run().state.type, server.only_run().state.name)


def test_failed_state_raises(server: MemoryServer) -> None:
    """A flow that returns a FAILED state without an exception raises one that says its message."""

    @flow
    def judge() -> State[Any]:
        return Failed(message="bad data")

    with pytest.raises(FailedRunError, match="bad data"):
        judge()


def test_returned_futures_decide(server: MemoryServer, style: Style) -> None:
    """A flow that returns futures is FAILED when one of them is."""

    @task
    def check(n: int) -> int:
        if n == 2:
            raise ValueError("two")
        return n

    @style.flow()
    def checks(top: int) -> Any:
        return check.map(range(top))

    good = style.run(checks, 2, return_state=True)
    bad = style.run(checks, 4, return_state=True)

    assert [0, 1] == [state.result() for state in good.result()]
    assert "1 of 4 states are not completed; the first: ValueError: two" == bad.message


def test_one_returned_future(server: MemoryServer, style: Style) -> None:
    """A flow that returns one future gives its result."""

    @task
    def one() -> int:
        return 1

    @style.flow()
    def outer() -> Any:
        return one.submit()

    assert 1 == style.run(outer)


def test_futures_left_behind_are_waited_for(server: MemoryServer, style: Style) -> None:
    """Tasks that are submitted and never asked about run to their end before the flow's."""
    ended = []

    @task
    def slow(n: int) -> None:
        ended.append(n)

    @style.flow()
    def fire_and_forget() -> None:
        for n in range(5):
            slow.submit(n)

    style.run(fire_and_forget)

    assert [0, 1, 2, 3, 4] == sorted(ended)
    assert {"COMPLETED"} == {news.states[-1].type for news in server.only_run().task_runs.values()}


def test_retries(server: MemoryServer, style: Style) -> None:
    """A flow runs again when it fails, as often as it may, and each time is told."""
    calls = []

    @style.flow(retries=2)
    def third_time() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")
        return len(calls)

    assert 3 == style.run(third_time)
    run = server.only_run()
    assert ["Running", "Retrying", "Retrying", "Completed"] == run.state_names
    assert "retry 1 of 2 after: ValueError: not yet" == run.states[1].message
    assert 2 == run.facts["retries"]


def test_retries_used_up(server: MemoryServer, style: Style) -> None:
    """The last failure is the flow's when no retry is left."""
    calls = []

    @style.flow(retries=1, retry_delay_seconds=0.01)
    def never() -> None:
        calls.append(1)
        raise ValueError(f"call {len(calls)}")

    with pytest.raises(ValueError, match="call 2"):
        style.run(never)
    assert [0.01] == server.only_run().facts["retry_delays"]


def test_timeout(server: MemoryServer, style: Style) -> None:
    """A flow that takes longer than its timeout is FAILED, and named TimedOut."""

    @style.flow(timeout_seconds=0.05)
    def endless() -> Any:
        if style.is_async:
            return asyncio.sleep(30)
        while True:
            pass

    with pytest.raises(FlowTimeoutError, match=r"'endless' took longer than 0\.05 s"):
        style.run(endless)
    run = server.only_run()
    assert ("FAILED", "TimedOut") == (run.state.type, run.state.name)


def test_wait_for_a_failed_future(server: MemoryServer) -> None:
    """A subflow that waits for a task which failed is not run."""

    @task
    def broken() -> None:
        raise ValueError("no")

    @flow
    def inner() -> None:
        raise AssertionError("must not run")

    @flow
    def outer() -> None:
        inner(wait_for=[broken.submit()])

    with pytest.raises(UnfinishedRunError, match="a task it depends on ended as Failed"):
        outer()
    (subflow,) = server.only_run().subflows.values()
    assert "NotReady" == subflow.states[-1].name


def test_interrupt_is_a_crash(server: MemoryServer, style: Style) -> None:
    """Ctrl-C in a flow crashes its run and the tasks that run, and goes on its way."""

    @task
    def interrupted() -> None:
        raise KeyboardInterrupt

    @style.flow()
    def outer() -> None:
        interrupted()

    with pytest.raises(KeyboardInterrupt):
        style.run(outer)
    run = server.only_run()
    assert ("CRASHED", "interrupted from the keyboard (SIGINT)") == (run.state.type, run.state.message)
    assert "CRASHED" == run.tasks["interrupted-0"].states[-1].type


def test_system_exit_is_a_crash(server: MemoryServer, style: Style) -> None:
    """A flow whose code exits is CRASHED with the code, and the exit is not held up."""

    @style.flow()
    def leaves() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        style.run(leaves)
    assert "the code exited with 3" == server.only_run().state.message


def test_cancelled_coroutine_is_a_crash(server: MemoryServer) -> None:
    """A flow whose coroutine is cancelled is CRASHED."""

    @flow
    async def waits() -> None:
        await asyncio.sleep(30)

    async def cancel() -> None:
        running = asyncio.ensure_future(waits())
        await asyncio.sleep(0.01)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert "its coroutine was cancelled" == server.only_run().state.message


def test_failure_cancels_what_has_not_begun(server: MemoryServer) -> None:
    """When a flow fails, tasks that wait for others are cancelled and those that run are waited for."""
    ended = []

    @task
    def slow() -> None:
        ended.append(1)

    @task
    def fails() -> None:
        raise ValueError("no")

    @flow
    def outer() -> None:
        slow.submit()
        fails()

    with pytest.raises(ValueError, match="no"):
        outer()
    types = {news.states[-1].type for news in server.only_run().task_runs.values()}
    assert types <= {"COMPLETED", "CANCELLED", "FAILED"}


def test_a_suspension_that_is_interrupted(server: MemoryServer, style: Style) -> None:
    """A run that is stopped as it is suspended, and waits for its tasks, comes to an end that is recorded."""
    begun, hold = threading.Event(), threading.Event()

    @task
    def holds() -> None:
        begun.set()
        hold.wait(60)

    @style.flow(name="suspends")
    def suspends() -> None:
        holds.submit()
        assert begun.wait(60)
        server.directives.append(Directive(kind=DirectiveKind.CANCEL))
        get_run_logger().info("something to report")
        raise Pause("suspended at its pause")

    try:
        with pytest.raises(KeyboardInterrupt):
            style.run(suspends)
    finally:
        hold.set()
    run = server.only_run()
    assert ("CANCELLED", "cancelled on request") == (run.state.type, run.state.message)
    assert {"CANCELLED"} == {news.states[-1].type for news in run.task_runs.values()}
