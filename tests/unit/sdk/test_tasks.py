"""Tasks called directly: results, retries, timeouts, inputs, and what the server is told of them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from typing import Any

import pydantic
import pytest

from alisio import allow_failure, flow, task
from alisio.exceptions import ParameterError, TaskTimeoutError, UnfinishedRunError
from alisio.tasks import exponential_backoff
from alisio.utilities.annotations import opaque, quote
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


@pytest.mark.parametrize("condition_is_async", [False, True], ids=["sync-condition", "async-condition"])
@pytest.mark.parametrize(("wanted", "calls"), [(True, 3), (False, 1)])
def test_retry_condition(
    server: MemoryServer, style: Style, wanted: bool, calls: int, condition_is_async: bool
) -> None:
    """`retry_condition_fn` is asked with the task, its run and the failure, and decides on each retry."""
    asked, ran = [], []

    def condition(asked_task: Any, run: Any, state: Any) -> bool:
        asked.append((asked_task.name, run.name, state.name, str(state.result(raise_on_failure=False))))
        return wanted

    async def async_condition(*given: Any) -> bool:
        await asyncio.sleep(0)
        return condition(*given)

    @style.task(name="step", retries=2, retry_condition_fn=async_condition if condition_is_async else condition)
    def step() -> None:
        ran.append(1)
        raise ValueError("no")

    assert style.run_task(step, return_state=True).is_failed()
    assert calls == len(ran)
    assert [("step", "step-0", "Failed", "no")] * (2 if wanted else 1) == asked


def test_retry_condition_that_fails(server: MemoryServer, style: Style) -> None:
    """A condition that raises is logged, and the task is not retried."""
    ran = []

    def condition(*_: Any) -> bool:
        raise RuntimeError("who knows")

    @style.task(retries=5, retry_condition_fn=condition)
    def step() -> None:
        ran.append(1)
        raise ValueError("no")

    assert style.run_task(step, return_state=True).is_failed()
    assert 1 == len(ran)
    assert any("retry_condition_fn failed: RuntimeError: who knows" in line for line in server.only_run().messages)


def test_retry_jitter(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `retry_jitter_factor` a delay is longer, by at most that part of it."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    @task(retries=20, retry_delay_seconds=10, retry_jitter_factor=0.5)
    def step() -> None:
        raise ValueError("no")

    step(return_state=True)

    assert 20 == len(slept)
    assert all(10 <= seconds <= 15 for seconds in slept)
    assert 1 < len(set(slept))


def test_quote_and_opaque(server: MemoryServer) -> None:
    """`quote` passes a value untouched, futures in it and all; `opaque` resolves a future and looks no further."""

    @task
    def one() -> int:
        return 1

    @task
    def held() -> Any:
        return [one.submit()]

    @task
    def kinds(*values: Any) -> list[str]:
        return [type(value).__name__ for value in values]

    @flow
    def main() -> Any:
        future = one.submit()
        inside = [future]
        return kinds(future, inside, quote(inside), opaque(future), quote(future)), kinds(opaque(held.submit()))

    assert (["int", "list", "list", "int", "TaskRunFuture"], ["list"]) == main()
    assert quote(5).unquote() == opaque(5).unwrap() == 5


def test_futures_in_models(server: MemoryServer) -> None:
    """Futures in the fields of dataclasses and of pydantic models are replaced, in a copy that is not validated."""

    class Model(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        rows: Any

    @dataclasses.dataclass
    class Data:
        rows: Any

    @task
    def one() -> int:
        return 1

    @task
    def rows_of(value: Any) -> Any:
        return value.rows

    @flow
    def main() -> Any:
        given = Model(rows=[one.submit()])
        return rows_of(given), rows_of(Data(one.submit())), type(given.rows[0]).__name__

    assert ([1], 1, "TaskRunFuture") == main()


def test_returned_exception_is_a_result(server: MemoryServer, style: Style) -> None:
    """An exception that is returned, and not raised, is a result like any other."""

    @style.task()
    def step() -> Any:
        return ValueError("only told")

    state = style.run_task(step, return_state=True)
    assert state.is_completed()
    assert "only told" == str(state.result())


def test_tracebacks_begin_at_user_code(server: MemoryServer, style: Style) -> None:
    """The logged traceback has the user's frames and those of what they call, and none of the engine's."""

    @style.task()
    def broken() -> None:
        json.loads("{")

    @style.flow()
    def main() -> Any:
        return broken()

    with pytest.raises(json.JSONDecodeError):
        style.run(main)
    text = [line for line in server.only_run().messages if line.startswith("ended: Failed")][-1]
    frames = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
    assert "in broken" in text
    assert [] == [line for line in frames if "/alisio/" in line]
