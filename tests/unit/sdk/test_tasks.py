"""Tasks called directly: results, retries, timeouts, inputs, and what the server is told of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from alisio import allow_failure, flow, task
from alisio.exceptions import ParameterError, TaskTimeoutError, UnfinishedRunError
from alisio.states import Completed
from alisio.tasks import exponential_backoff
from tests.unit.sdk.conftest import MemoryServer, Style


def test_result_and_record(server: MemoryServer, style: Style) -> None:
    """A task gives what its function returns, and is told under its flow run, numbered from 0."""

    @style.task()
    def double(n: int) -> int:
        return 2 * n

    assert 8 == style.run_task(double, 4)

    news = server.only_run().tasks["double-0"]
    assert (None, 0) == (news.flow_run_id, news.index)
    assert ["Running", "Completed"] == [state.name for state in news.states]
    assert news.task_key.endswith("test_result_and_record.<locals>.double")


def test_exception(server: MemoryServer, style: Style) -> None:
    """An exception of a task is raised by its call, and the traceback is in its logs."""

    @style.task()
    def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        style.run_task(broken)

    run = server.only_run()
    assert ("FAILED", "ValueError: no") == (run.tasks["broken-0"].states[-1].type, run.state.message)
    assert any(line.task_run_id and "Traceback" in line.message for line in run.logs)


def test_retries(server: MemoryServer, style: Style) -> None:
    """A task waits and runs again when it fails; its whole history is told."""
    calls = []

    @style.task(retries=2, retry_delay_seconds=[0.01, 0])
    def third_time() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")
        return len(calls)

    assert 3 == style.run_task(third_time)
    states = server.only_run().tasks["third_time-0"].states
    assert ["Running", "AwaitingRetry", "Retrying", "Retrying", "Completed"] == [state.name for state in states]


def test_retry_delays_of_a_function() -> None:
    """Delays may be made from the number of retries."""

    @task(retries=3, retry_delay_seconds=exponential_backoff(10))
    def polls() -> None: ...

    assert (10, 20, 40) == polls.retry_delays
    assert [10, 20, 40, 40] == [polls.delay_before(retry) for retry in (1, 2, 3, 4)]


def test_timeout(server: MemoryServer, style: Style) -> None:
    """A task that takes longer than its timeout fails, named TimedOut, and the flow can go on."""

    @style.task(timeout_seconds=0.05)
    def endless() -> Any:
        return asyncio.sleep(30) if style.is_async else time.sleep(30)

    with pytest.raises(TaskTimeoutError, match="took longer"):
        style.run_task(endless)
    assert "TimedOut" == server.only_run().tasks["endless-0"].states[-1].name


def test_return_state(server: MemoryServer, style: Style) -> None:
    """With `return_state` a call gives the final state."""

    @style.task()
    def broken() -> None:
        raise ValueError("no")

    state = style.run_task(broken, return_state=True)
    assert state.is_failed()


def test_returned_state(server: MemoryServer, style: Style) -> None:
    """A state that the function returns is the task run's own."""

    @style.task()
    def skipped() -> Any:
        return Completed(name="Skipped", data=5)

    assert 5 == style.run_task(skipped)
    assert "Skipped" == server.only_run().tasks["skipped-0"].states[-1].name


def test_wrong_arguments(server: MemoryServer) -> None:
    """Arguments that don't fit are told in one line that names the task and the parameter."""

    @task
    def double(n: int) -> int:
        return 2 * n

    @flow
    def outer() -> None:
        double()

    with pytest.raises(ParameterError, match="task 'double': missing a required argument: 'n'"):
        outer()


def test_outside_of_a_flow(server: MemoryServer) -> None:
    """A task called outside of a flow runs by the same rules, and nothing is recorded."""
    calls = []

    @task(retries=1)
    def second_time() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("not yet")
        return 7

    assert 7 == second_time()
    assert 7 == second_time.submit().result()
    assert {} == server.runs


def test_task_in_a_task(server: MemoryServer) -> None:
    """A task may call another; both belong to the flow run."""

    @task
    def inner() -> int:
        return 1

    @task
    def outer() -> int:
        return inner() + inner.submit().result()

    @flow
    def around() -> int:
        return outer()

    assert 2 == around()
    assert {"inner-0", "inner-1", "outer-0"} == set(server.only_run().tasks)


def test_inputs_are_known_by_identity(server: MemoryServer) -> None:
    """That a task was given another's result is told, also where it lies in a list or was unpacked."""

    @task
    def extract() -> list[int]:
        return [1, 2]

    @task
    def split() -> tuple[dict[str, int], dict[str, int]]:
        return {"a": 1}, {"b": 2}

    @task
    def load(rows: Any, extra: Any = None) -> None: ...

    @flow
    def pipeline() -> None:
        rows = extract()
        left, right = split()
        load(rows)
        load([left, rows], extra=right)
        load([1, 2])

    pipeline()

    tasks = server.only_run().tasks
    extracted, halves = tasks["extract-0"].id, tasks["split-0"].id
    assert {"rows": [extracted]} == tasks["load-0"].inputs
    assert {"rows": [halves, extracted], "extra": [halves]} == tasks["load-1"].inputs
    assert {} == tasks["load-2"].inputs


def test_upstream_failure(server: MemoryServer, style: Style) -> None:
    """A task that is given the future of one which failed is not run, and says why."""
    ran = []

    @task
    def broken() -> None:
        raise ValueError("no")

    @style.task()
    def after(_value: Any) -> None:
        ran.append(1)

    future = broken.submit()
    with pytest.raises(UnfinishedRunError, match="a task it depends on ended as Failed"):
        style.run_task(after, future)
    assert [] == ran
    assert "NotReady" == server.only_run().tasks["after-0"].states[-1].name


def test_allow_failure(server: MemoryServer, style: Style) -> None:
    """With `allow_failure` the task runs all the same, and is given the exception."""

    @task
    def broken() -> None:
        raise ValueError("no")

    @style.task()
    def after(value: Any) -> str:
        return type(value).__name__

    assert "ValueError" == style.run_task(after, allow_failure(broken.submit()))


def test_with_options() -> None:
    """`with_options` changes what is given, and keeps the rest."""

    @task(name="first", tags=["x"], retries=2, retry_delay_seconds=exponential_backoff(1))
    def original() -> None: ...

    other = original.with_options(name="second", retries=3)

    assert ("first", 2) == (original.name, original.retries)
    assert ("second", {"x"}, (1, 2, 4)) == (other.name, other.tags, other.retry_delays)
