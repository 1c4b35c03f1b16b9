"""Futures: waiting for them, what they give, and who hears of their end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from alisio import flow, task
from alisio.context import current_task_run
from alisio.engine.history import StateEntry
from alisio.engine.task_rules import prepare
from alisio.engine.waiting import forget
from alisio.futures import TaskRunFuture, as_completed, wait
from alisio.states import Cancelled, Completed
from alisio.task_runners import ThreadPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer
from tests.waiting import wait_until


@task
def echo(value: Any, more: Any = None) -> Any:
    """Give the argument back."""
    return value


def test_return_state(server: MemoryServer) -> None:
    """With `return_state`, `submit` and `map` wait and give final states."""

    @flow
    def outer() -> None:
        assert echo.submit(1, return_state=True).is_completed()
        assert [1, 2] == [state.result() for state in echo.map([1, 2], return_state=True)]

    outer()


def test_waiting(server: MemoryServer) -> None:
    """`wait` tells what has ended in time, `as_completed` gives futures as they end, `result` has a timeout."""
    gate = threading.Event()

    @task
    def gated() -> str:
        gate.wait(60)
        return "late"

    @flow
    def outer() -> None:
        late, early = gated.submit(), echo.submit("early")
        early.wait()
        done, not_done = wait([late, early], timeout=0.01)
        assert ({early}, {late}) == (done, not_done)
        assert late.state.is_running() or late.state.is_pending()
        with pytest.raises(TimeoutError, match="has not ended within"):
            late.result(timeout=0.01)
        gate.set()
        assert ["early", "late"] == [future.result() for future in as_completed([late, early])]

    outer()


def test_result_of_a_failure(server: MemoryServer) -> None:
    """A future's `result` raises what the task raised, or gives it back."""

    @task
    def broken() -> None:
        raise TimeoutError("its own")

    @flow
    def outer() -> None:
        future = broken.submit()
        with pytest.raises(TimeoutError, match="its own"):
            future.result(timeout=60)
        assert isinstance(future.result(raise_on_failure=False), TimeoutError)

    outer()


def test_exit_in_a_thread(server: MemoryServer) -> None:
    """A task that exits in a worker thread is CRASHED, and whoever waits for it hears of it."""

    @task
    def leaves() -> None:
        raise SystemExit(2)

    @flow
    def outer() -> Any:
        return leaves.submit()

    assert outer(return_state=True).is_crashed()


def test_what_is_submitted_after_the_end(server: MemoryServer) -> None:
    """A task that is left behind when its flow's time is up does not wait for ever for what it submits then."""
    over, submitted, heard, free = (threading.Event() for _ in range(4))

    @task
    def left_behind() -> None:
        over.wait()
        future = echo.submit(1)
        submitted.set()
        future.wait()
        heard.set()

    @task
    def busy() -> None:
        free.wait()

    def go_on(_: Any) -> None:
        over.set()
        submitted.wait()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2), timeout_seconds=2)
    def main() -> None:
        busy.submit()
        left_behind.submit().add_done_callback(go_on)
        free.wait()

    try:
        assert main(return_state=True).is_failed()
        assert heard.wait(60)
    finally:
        free.set()


def test_as_completed_in_time(server: MemoryServer) -> None:
    """`as_completed` gives each future once, and says how many have not ended when the time is up."""
    gate = threading.Event()

    @task
    def gated() -> None:
        gate.wait(60)

    @flow
    def outer() -> None:
        late, early = gated.submit(), echo.submit("early")
        early.wait()
        ended = as_completed([late, early, early], timeout=0.01)
        assert early is next(ended)
        with pytest.raises(TimeoutError, match=r"^1 of 2 task runs have not ended within 0\.01 s$"):
            next(ended)
        gate.set()

    outer()


def test_callbacks(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Each callback is told of the end once, a late one at once; one that fails is logged and keeps none back."""
    gate = threading.Event()
    told: list[Any] = []

    @task
    def gated() -> None:
        gate.wait(60)

    def fail(_: Any) -> None:
        raise ValueError("no such town")

    @flow
    def outer() -> None:
        future = gated.submit()
        future.add_done_callback(fail)
        future.add_done_callback(told.append)
        gate.set()
        future.wait()
        future.add_done_callback(told.append)

    outer()

    wait_until(lambda: len(told) >= 2)
    assert 2 == len(told)
    assert "no such town" in capsys.readouterr().err


def test_waiting_in_a_loop(server: MemoryServer) -> None:
    """A coroutine that is cancelled while it waits for a future leaves the future to others."""
    gate = threading.Event()

    @task
    def gated() -> str:
        gate.wait(60)
        return "late"

    @flow
    async def outer() -> str:
        future = gated.submit()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future.wait_async(), 0.01)
        gate.set()
        await future.wait_async()
        return future.result()

    assert "late" == asyncio.run(outer())


class Slow(list[StateEntry]):
    """A history to which somebody else wants to add an end while one is added."""

    def __init__(self, run: Any) -> None:
        super().__init__(run.history)
        self.other = threading.Thread(target=run.note_end, args=(Cancelled(),))

    def append(self, entry: StateEntry) -> None:
        """Add a state, after the other has had time to add its own."""
        if self.other.ident is None:
            self.other.start()
            self.other.join(0.1)
        super().append(entry)


def test_a_run_ends_once(server: MemoryServer) -> None:
    """A task that is abandoned in the instant in which it ends has one end, in the records too."""

    @task
    def ends() -> None:
        run = current_task_run.get()
        assert run is not None
        run.history = histories[0] = Slow(run)

    histories: dict[int, Slow] = {}

    @flow
    def outer() -> None:
        ends()

    outer()
    histories[0].other.join()

    assert 1 == len([entry for entry in histories[0] if entry.type.is_terminal])


class Told:
    """Somebody who waits for a future, and counts how often it is compared with others who do."""

    compared = 0

    def __init__(self, hears: list[Told]) -> None:
        self.hears = hears

    def __call__(self, future: Any) -> None:
        """Hear of its end."""
        self.hears.append(self)

    def __eq__(self, other: object) -> bool:
        Told.compared += 1
        return self is other

    __hash__ = None  # type: ignore[assignment]


def test_many_who_wait_for_one_future_can_leave_one_by_one(server: MemoryServer) -> None:
    """None of them is looked for among all others: 20,000 would take 200 million comparisons."""
    hears: list[Told] = []
    waiting = [Told(hears) for _ in range(20_000)]
    future: TaskRunFuture[Any] = TaskRunFuture(prepare(echo, (1,), {}).run)
    for told in waiting:
        future.add_done_callback(told)

    for told in reversed(waiting[10:]):
        forget([future], told)
    for told in waiting[:5]:
        forget([future], told)
    future.add_done_callback(waiting[9])
    future.finish(Completed())

    assert [5, 6, 7, 8, 9, 9] == [waiting.index(told) if told is not waiting[9] else 9 for told in hears]
    assert 100 > Told.compared
