"""One table of scenarios over every task runner, synchronous and asynchronous."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from alisio import allow_failure, flow, get_run_logger, runtime, tags, task
from alisio.cache_policies import INPUTS
from alisio.exceptions import TransferError, WorkerLostError
from alisio.states import State
from alisio.task_runners import ThreadPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.task_runners.conftest import ALL, CONCURRENT, REMOTE, MakeRunner, on
from tests.waiting import wait_until


class PickyError(Exception):
    """One that cannot be made again from its `args`."""

    def __init__(self, code: int, *, town: str) -> None:
        super().__init__(f"{town} has code {code}")
        self.code = code
        self.town = town


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
def test_exceptions(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """An exception comes back as it is, with its cause, and with a traceback that names the task's own calls."""

    def deeper(text: str) -> int:
        return int(text)

    @style.task()
    def fail() -> None:
        try:
            deeper("many")
        except ValueError as error:
            raise PickyError(7, town="Lugo") from error

    @style.flow(task_runner=make_runner())
    def fails() -> Any:
        try:
            fail.submit().result()
        except PickyError as error:
            return {"text": "".join(traceback.format_exception(error)), "code": error.code, "said": str(error)}

    seen = style.run(fails)
    assert (7, "Lugo has code 7") == (seen["code"], seen["said"])
    for text in ("in fail", "in deeper", "return int(text)", "ValueError", "direct cause", __file__):
        assert text in seen["text"]
    run = server.only_run()
    news = run.tasks["fail-0"]
    assert ("Failed", "PickyError: Lugo has code 7") == (news.states[-1].name, news.states[-1].message)
    assert any("in deeper" in line.message for line in run.logs if line.task_run_id == news.id)


@on(*ALL)
def test_retries(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """A task that fails is sent again, and knows how often it has been."""

    @style.task(retries=2, retry_delay_seconds=[0.01, 0])
    def third_time() -> int:
        if runtime.task_run.run_count < 3:
            raise ValueError("not yet")
        return int(runtime.task_run.run_count)

    @style.flow(task_runner=make_runner())
    def tries() -> Any:
        return {"count": third_time.submit().result()}

    assert {"count": 3} == style.run(tries)
    names = [state.name for state in server.only_run().tasks["third_time-0"].states]
    assert ["Pending", "Running", "AwaitingRetry", "Retrying", "Retrying", "Completed"] == names


@on(*ALL)
def test_timeout(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """A task whose time is up fails, named TimedOut, and the flow goes on."""

    @style.task(timeout_seconds=0.1)
    def endless() -> Any:
        if style.is_async:
            import asyncio

            return asyncio.sleep(30)
        for _ in range(3_000):
            time.sleep(0.01)
        return None

    @style.flow(task_runner=make_runner())
    def goes_on() -> Any:
        return {"name": endless.submit(return_state=True).name}

    began = time.monotonic()
    assert {"name": "TimedOut"} == style.run(goes_on)
    assert time.monotonic() - began < 20


@on(*ALL)
def test_stored_results(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """A stored result is taken by the flow's next attempt, and the task is not sent again."""
    calls = tmp_path / "calls"

    @style.task(persist_result=True)
    def once(n: int) -> int:
        with calls.open("a") as file:
            file.write(f"{n}\n")
        return n * n

    @style.flow(task_runner=make_runner(), retries=1, result_storage=tmp_path / "results")
    def resumes() -> Any:
        squares = once.map([1, 2, 3]).result()
        if runtime.flow_run.run_count == 1:
            raise ValueError("again")
        return squares

    assert [1, 4, 9] == style.run(resumes)
    assert ["1", "2", "3"] == sorted(calls.read_text().split())


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
def test_an_exit(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """A task that exits has CRASHED, and the flow goes on."""

    @style.task()
    def leave() -> None:
        raise SystemExit(3)

    @style.flow(task_runner=make_runner())
    def goes_on() -> Any:
        return {"state": repr(leave.submit(return_state=True))}

    assert {"state": "Crashed(message='the code exited with 3')"} == style.run(goes_on)


@on(*REMOTE)
def test_what_cannot_travel(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """An argument, a result or a variable that cannot be sent fails the task run, and its state says which part."""
    lock = threading.Lock()

    @style.task()
    def take(data: Any) -> Any:
        return data

    @style.task()
    def give() -> Any:
        return {"deep": [1, threading.Lock()]}

    @style.task()
    def close_over() -> Any:
        return lock.locked()

    @style.flow(task_runner=make_runner())
    def tries() -> Any:
        states = [take.submit({"a": [0, lock]}, return_state=True)]
        states += [give.submit(return_state=True), close_over.submit(return_state=True)]
        return {"states": states}

    states: list[State[Any]] = style.run(tries)["states"]
    assert ["Failed"] * 3 == [state.name for state in states]
    assert all(isinstance(state.result(raise_on_failure=False), TransferError) for state in states)
    messages = [state.message or "" for state in states]
    assert "argument 'data' of task 'take'" in messages[0]
    assert "data['a'][1] is a _thread.lock" in messages[0]
    assert "result['deep'][1] is a _thread.lock" in messages[1]
    assert "lock is a _thread.lock" in messages[2]


@on(*REMOTE)
def test_a_worker_that_dies(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """A task whose worker dies has CRASHED, is not begun again, and the flow goes on with the workers that are left."""
    begun = tmp_path / "begun"

    @style.task(retries=2)
    def die() -> None:
        with begun.open("a") as file:
            file.write("x")
        get_run_logger().info("last words")
        time.sleep(0.2)
        os._exit(7)

    @style.task()
    def live() -> str:
        return "alive"

    @style.flow(task_runner=make_runner())
    def goes_on() -> Any:
        state = die.submit(return_state=True)
        return {"state": state, "after": live.submit().result()}

    seen = style.run(goes_on)
    assert "alive" == seen["after"]
    assert "Crashed" == seen["state"].name
    assert "worker" in seen["state"].message
    assert isinstance(seen["state"].result(raise_on_failure=False), WorkerLostError)
    assert "x" == begun.read_text()
    run = server.only_run()
    assert ("Completed", 1) == (run.state.name, run.messages.count("last words"))


@on(*CONCURRENT)
def test_side_by_side(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """Two tasks run at once: each waits for a word of the other."""

    @style.task()
    def meet(own: str, other: str) -> bool:
        (tmp_path / own).touch()
        wait_until((tmp_path / other).exists)
        return True

    @style.flow(task_runner=make_runner())
    def meeting() -> Any:
        return [meet.submit("a", "b"), meet.submit("b", "a")]

    assert [True, True] == [state.result() for state in style.run(meeting)]


@on(*CONCURRENT)
def test_an_interrupted_flow(server: MemoryServer, make_runner: MakeRunner, tmp_path: Path) -> None:
    """When a flow is interrupted its tasks are CANCELLED: those that run are stopped, those that wait never begin."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"

    @task
    def long(n: int) -> None:
        begun.touch()
        try:
            for _ in range(2_000):
                time.sleep(0.01)
                if (tmp_path / "over").exists():
                    return
        finally:
            ended.touch()

    @flow(task_runner=make_runner())
    def interrupted() -> None:
        long.map(range(300))
        wait_until(begun.exists)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    run = server.only_run()
    assert "Crashed" == run.state.name
    assert {"Cancelled"} == {news.states[-1].name for news in run.task_runs.values()}
    if isinstance(interrupted.task_runner, ThreadPoolTaskRunner):
        (tmp_path / "over").touch()  # nothing stops a thread of one's own process but its own code
    wait_until(ended.exists)


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


@on(*ALL)
def test_hooks_and_caches(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """Hooks are called in the flow's own process; what is cached is not sent to a worker again."""
    heard: list[str] = []
    calls = tmp_path / "calls"

    @style.task(
        cache_policy=INPUTS, on_completion=[lambda task, run, state: heard.append(f"{os.getpid()} {state.name}")]
    )
    def square(n: int) -> int:
        with calls.open("a") as file:
            file.write("x")
        return n * n

    @style.flow(task_runner=make_runner(), result_storage=tmp_path / "results")
    def squares() -> Any:
        return {"squares": [square.submit(7).result(), square.submit(7).result()]}

    assert {"squares": [49, 49]} == style.run(squares)
    assert [f"{os.getpid()} Completed", f"{os.getpid()} Cached"] == heard
    assert "x" == calls.read_text()
