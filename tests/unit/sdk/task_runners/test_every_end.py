"""One table over every task runner, synchronous and asynchronous: failures, ends, and what runs side by side."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, get_run_logger, runtime, task
from alisio.exceptions import FlowTimeoutError, TransferError, WorkerLostError
from alisio.states import State
from alisio.task_runners import SequentialTaskRunner, ThreadPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.task_runners.conftest import ALL, CONCURRENT, REMOTE, MakeRunner, on
from tests.waiting import wait_until


class PickyError(Exception):
    """One that cannot be made again from its `args`."""

    def __init__(self, code: int, *, town: str) -> None:
        super().__init__(f"{town} has code {code}")
        self.code = code
        self.town = town


def _is_free(path: Path) -> bool:
    """Tell whether nobody holds a file's lock any more."""
    with path.open("a") as mine:
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


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

            return asyncio.sleep(600)
        for _ in range(60_000):
            time.sleep(0.01)
        return None

    @style.flow(task_runner=make_runner())
    def goes_on() -> Any:
        return {"name": endless.submit(return_state=True).name}

    assert {"name": "TimedOut"} == style.run(goes_on)


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
        time.sleep(1)  # for them to be on their way
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
    begun, held = tmp_path / "begun", tmp_path / "held"

    @task
    def long(n: int) -> None:
        # The lock goes with whoever holds it, whether he is interrupted or killed.
        with held.open("a") as mine:
            fcntl.flock(mine, fcntl.LOCK_SH)
            begun.touch()
            for _ in range(2_000):
                time.sleep(0.01)
                if (tmp_path / "over").exists():
                    return

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
    wait_until(lambda: _is_free(held))


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGALRM])
def test_an_interrupted_flow_that_runs_tasks_one_by_one(server: MemoryServer, interrupt: signal.Signals) -> None:
    """Ctrl-C, and the flow's time limit, end the flow and not only the task within which they come."""
    begun = []

    @task
    def long(n: int) -> None:
        begun.append(n)
        if interrupt is signal.SIGINT:
            signal.raise_signal(interrupt)
        wait_until(lambda: False)

    @flow(task_runner=SequentialTaskRunner(), timeout_seconds=0.2 if interrupt is signal.SIGALRM else None)
    def interrupted() -> None:
        long.map(range(3))

    with pytest.raises(KeyboardInterrupt if interrupt is signal.SIGINT else FlowTimeoutError):
        interrupted()
    assert [0] == begun
    run = server.only_run()
    assert "Crashed" == next(news.states[-1].name for news in run.task_runs.values())
    assert ("Crashed" if interrupt is signal.SIGINT else "TimedOut") == run.state.name
