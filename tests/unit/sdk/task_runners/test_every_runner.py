"""One table of scenarios over every task runner, synchronous and asynchronous."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from alisio import allow_failure, flow, get_run_logger, runtime, tags, task
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.task_runners.conftest import ALL, MakeRunner, on


@on(*ALL)
def test_results_of_futures(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """Futures in arguments are replaced by their results before a task is sent; `map` keeps the order."""

    @style.task()
    def add(a: int, b: int) -> int:
        return a + b

    @style.flow(task_runner=make_runner())
    def sums() -> Any:
        first = add.submit(1, 2)
        each = add.map([first, 10, 20], 5)
        return [first.result(), *each.result()]

    assert [3, 8, 15, 25] == style.run(sums)
    run = server.only_run()
    assert 4 == len(run.tasks)
    assert [run.tasks["add-0"].id] == run.tasks["add-1"].inputs["a"]


@on(*ALL)
def test_context(server: MemoryServer, style: Style, make_runner: MakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of a task knows its task run, its flow run, its tags and the settings, wherever it runs."""
    monkeypatch.setenv("ALISIO_SQS_PREFIX", "mine")

    @style.task(tags=["own"], task_run_name="look-{n}")
    def look(n: int) -> dict[str, Any]:
        from alisio.settings import current_settings

        return {
            "task": (runtime.task_run.id, runtime.task_run.name, runtime.task_run.task_name),
            "task_parameters": runtime.task_run.parameters,
            "tags": set(runtime.task_run.tags),
            "count": (runtime.task_run.run_count, runtime.flow_run.run_count),
            "flow": (runtime.flow_run.id, runtime.flow_run.name, runtime.flow_run.flow_name),
            "parameters": runtime.flow_run.parameters,
            "root": runtime.flow_run.root_flow_run_id,
            "prefix": current_settings().sqs_prefix,
        }

    @style.flow(task_runner=make_runner(), flow_run_name="today")
    def around(day: str = "Monday") -> Any:
        with tags("evening"):
            return {"seen": look.submit(7).result()}

    seen = style.run(around)["seen"]
    run = server.only_run()
    news = run.tasks["look-7"]
    assert (str(news.id), "look-7", "look") == seen["task"]
    assert {"n": 7} == seen["task_parameters"]
    assert {"own", "evening"} == seen["tags"] == set(news.tags)
    assert (1, 1) == seen["count"]
    assert (str(run.id), "today", "around") == seen["flow"]
    assert {"day": "Monday"} == seen["parameters"]
    assert str(run.id) == seen["root"]
    assert "mine" == seen["prefix"]


@on(*ALL)
def test_logs(server: MemoryServer, style: Style, make_runner: MakeRunner, capfd: pytest.CaptureFixture[str]) -> None:
    """What a task logs and prints is in the flow run's log once, with the task run, in order."""

    @style.task(log_prints=True)
    def talk(n: int) -> None:
        for line in range(20):
            get_run_logger().info("%d says %d", n, line)
        print(n, "prints")  # noqa: T201
        get_run_logger().log(logging.WARNING, "%d warns", n)

    @style.flow(task_runner=make_runner(), log_prints=True)
    def talks() -> None:
        talk.map([1, 2, 3])

    style.run(talks)
    run = server.only_run()
    for n in (1, 2, 3):
        expected = [*(f"{n} says {line}" for line in range(20)), f"{n} prints", f"{n} warns"]
        id_ = run.tasks[f"talk-{n - 1}"].id
        assert expected == [line.message for line in run.logs if line.task_run_id == id_]
    assert {30} == {line.level for line in run.logs if line.message.endswith("warns")}


@on(*ALL)
def test_states_and_times(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """A submitted task run is Pending, Running while a worker has it, and then Completed, in the order of time."""

    @style.task()
    def nap() -> None:
        time.sleep(0.05)

    @style.flow(task_runner=make_runner())
    def naps() -> None:
        nap.submit()

    style.run(naps)
    states = server.only_run().tasks["nap-0"].states
    assert ["Pending", "Running", "Completed"] == [state.name for state in states]
    assert states[0].timestamp <= states[1].timestamp < states[2].timestamp
    assert (states[2].timestamp - states[1].timestamp).total_seconds() >= 0.05


@on(*ALL)
def test_wait_for(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """A task waits for what it is told to; it is not sent where that failed, unless that is allowed."""

    @style.task()
    def fail() -> None:
        raise ValueError("no")

    @style.task()
    def after() -> str:
        return "ran"

    @style.flow(task_runner=make_runner())
    def chain() -> Any:
        failed = fail.submit()
        not_run = after.submit(wait_for=[failed], return_state=True)
        run = after.submit(wait_for=[allow_failure(failed)])
        return {"names": (not_run.name, run.result())}

    assert {"names": ("NotReady", "ran")} == style.run(chain)


@on(*ALL)
def test_runs_within_a_task(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """What a task runs itself, tasks and subflows, is recorded under its flow run with its log."""

    @task
    def inner(n: int) -> int:
        get_run_logger().info("inner %d", n)
        return n + 1

    @flow
    def sub(n: int) -> int:
        return inner(n) + inner.submit(n).result()

    @style.task()
    def outer() -> int:
        return inner(1) + sub(10)

    @style.flow(task_runner=make_runner())
    def around() -> Any:
        return {"sum": outer.submit().result()}

    assert {"sum": 2 + 11 + 11} == style.run(around)
    run = server.only_run()
    [subflow] = run.subflows.values()
    assert ("sub", {"n": 10}, None) == (subflow.flow_name, subflow.parameters, subflow.parent_flow_run_id)
    inners = [news for news in run.task_runs.values() if news.task_key.endswith("inner")]
    assert [None, subflow.id, subflow.id] == sorted((news.flow_run_id for news in inners), key=bool)
    assert {"Completed"} == {news.states[-1].name for news in run.task_runs.values()}
    assert ["inner 1", "inner 10", "inner 10"] == sorted(m for m in run.messages if m.startswith("inner"))


@on(*ALL)
def test_tasks_that_a_task_leaves(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """All that a task submits is run to its end, though it waits for none of it."""

    @task
    def inner(n: int) -> None: ...

    @style.task()
    def outer(fail: bool) -> None:
        inner.map(range(300))
        if fail:
            raise ValueError("no")

    @style.flow(task_runner=make_runner())
    def around() -> Any:
        return {"names": [outer.submit(fail, return_state=True).name for fail in (False, True)]}

    assert {"names": ["Completed", "Failed"]} == style.run(around)
    inners = [news for news in server.only_run().task_runs.values() if news.task_key.endswith("inner")]
    assert (600, {"Completed"}) == (len(inners), {news.states[-1].name for news in inners})


@on(*ALL)
def test_a_task_that_yields(server: MemoryServer, make_runner: MakeRunner) -> None:
    """The result of a submitted generator is the list of what it yields, and so it is where one is returned."""

    @task
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    @task
    async def count_async(n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number

    @task
    def lazily(n: int) -> Any:
        return (number for number in range(n))

    @flow(task_runner=make_runner())
    def counts() -> Any:
        return [count.submit(3), count_async.submit(2), lazily.submit(1)]

    assert [[0, 1, 2], [0, 1], [0]] == [state.result() for state in counts()]
