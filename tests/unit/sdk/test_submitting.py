"""Submitting and mapping: what tasks are given and depend on, and the task runners."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import pytest

from alisio import flow, task, unmapped
from alisio.task_runners import ConcurrentTaskRunner, SequentialTaskRunner, ThreadPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer, Style


@dataclasses.dataclass
class Order:
    """Holds something."""

    item: Any
    count: int = 1


@task
def echo(value: Any, more: Any = None) -> Any:
    """Give the argument back."""
    return value


@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner(2), ConcurrentTaskRunner, SequentialTaskRunner()])
def test_runners(server: MemoryServer, style: Style, runner: Any) -> None:
    """On every task runner, tasks of both styles run and give their results through futures."""

    @style.task()
    def double(n: int) -> int:
        return 2 * n

    @style.flow(task_runner=runner)
    def outer() -> list[int]:
        futures = [double.submit(n) for n in range(5)]
        chained = double.submit(futures[4])
        return [future.result() for future in (*futures, chained)]

    assert [0, 2, 4, 6, 8, 16] == style.run(outer)


def test_concurrency(server: MemoryServer) -> None:
    """The concurrent runner runs as many tasks at once as it has workers; the sequential one runs one."""
    meeting = threading.Barrier(3)

    @task
    def meet() -> None:
        meeting.wait(60)

    @flow(task_runner=ConcurrentTaskRunner(max_workers=3))
    def concurrent() -> None:
        for _ in range(3):
            meet.submit()

    threads = []

    @task
    def note_thread() -> None:
        threads.append(threading.get_ident())

    @flow(task_runner=SequentialTaskRunner)
    def sequential() -> None:
        for _ in range(3):
            note_thread.submit()

    concurrent()
    sequential()

    assert [threading.get_ident()] * 3 == threads


def test_futures_in_arguments(server: MemoryServer) -> None:
    """Futures are replaced by results wherever they are in arguments, and told as inputs."""

    @task
    def take(rows: Any, named: Any = None) -> Any:
        return rows, named

    @flow
    def outer() -> Any:
        one, two = echo.submit(1), echo.submit(2)
        order = Order(two)
        taken = take.submit([one, {"x": (one, two)}], named=order)
        return {"taken": taken.result(), "order": order.item is two}

    result = outer()

    assert ([1, {"x": (1, 2)}], Order(2)) == result["taken"]
    assert result["order"], "the caller's own object is not changed"
    tasks = server.only_run().tasks
    one, two = tasks["echo-0"].id, tasks["echo-1"].id
    assert {"rows": [one, two], "named": [two]} == tasks["take-0"].inputs


def test_waiting_takes_no_worker(server: MemoryServer) -> None:
    """A task that waits for another keeps no worker from running that one."""

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def outer() -> int:
        gate = threading.Event()

        @task
        def first() -> int:
            gate.wait(60)
            return 1

        slow = first.submit()
        last = echo.submit(slow)
        for _ in range(5):
            last = echo.submit(last)
        gate.set()
        return last.result()

    assert 1 == outer()


def test_wait_for(server: MemoryServer) -> None:
    """`wait_for` orders tasks that give each other nothing, and is told as an input."""
    order = []

    @task
    def first() -> None:
        time.sleep(0.02)
        order.append("first")

    @task
    def second() -> None:
        order.append("second")

    @flow
    def outer() -> None:
        second.submit(wait_for=[first.submit()])

    outer()

    assert ["first", "second"] == order
    tasks = server.only_run().tasks
    assert {"wait_for": [tasks["first-0"].id]} == tasks["second-0"].inputs


def test_upstream_failure(server: MemoryServer) -> None:
    """What depends on a failed task is not run, down the whole chain; the history says so."""

    @task
    def broken() -> None:
        raise ValueError("no")

    @flow
    def outer() -> Any:
        failed = broken.submit()
        second = echo.submit(failed)
        third = echo.submit(second)
        return [second, third]

    state = outer(return_state=True)

    assert state.is_failed()
    tasks = server.only_run().tasks
    assert ["Pending", "NotReady"] == [each.name for each in tasks["echo-0"].states]
    assert "not run: a task it depends on ended as NotReady" == tasks["echo-1"].states[-1].message


def test_map(server: MemoryServer) -> None:
    """`map` runs a task for each element; texts and `unmapped` values are given whole to all."""

    @task
    def join(a: int, b: int, sep: str, fixed: list[int]) -> str:
        return f"{a}{sep}{b}{fixed}"

    @flow
    def outer() -> list[str]:
        numbers = echo.submit([3, 4])
        return join.map([1, 2], numbers, "-", fixed=unmapped([9])).result()

    assert ["1-3[9]", "2-4[9]"] == outer()
    tasks = server.only_run().tasks
    assert {"b": [tasks["echo-0"].id]} == tasks["join-1"].inputs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((5,), "map needs an argument that can be iterated over"), (([1, 2], [1]), "of different lengths: 1, 2")],
)
def test_bad_map(server: MemoryServer, arguments: tuple[Any, ...], message: str) -> None:
    """Arguments that cannot be mapped over are refused in one line, before anything runs."""

    @flow
    def outer() -> None:
        echo.map(*arguments)

    with pytest.raises(ValueError, match=message):
        outer()
    assert {} == server.only_run().task_runs
