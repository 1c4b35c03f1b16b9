"""Flows and tasks that yield."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, runtime, task
from alisio.context import current_flow_run
from alisio.exceptions import TaskTimeoutError
from tests.unit.sdk.conftest import MemoryServer

KINDS = {"flow": flow, "task": task}


def made(kind: str, is_async: bool, fn: Callable[..., Generator[Any, Any, Any]], **options: Any) -> Any:
    """Make a flow or a task of a generator function, or of an asynchronous one that yields the same."""
    if not is_async:
        return KINDS[kind](**options)(fn)

    async def styled(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        source = fn(*args, **kwargs)
        try:
            for value in source:
                await asyncio.sleep(0)
                yield value
        finally:
            source.close()

    styled.__name__ = fn.__name__
    return KINDS[kind](**options)(styled)


def collected(values: Any) -> list[Any]:
    """Iterate to the end, in whatever way."""

    async def collect() -> list[Any]:
        return [value async for value in values]

    return asyncio.run(collect()) if hasattr(values, "__aiter__") else list(values)


def state_name_of(server: MemoryServer, kind: str) -> str:
    """Give the last state of the only flow run, or of its only task run."""
    run = server.only_run()
    return run.state.name if kind == "flow" else next(iter(run.task_runs.values())).states[-1].name


def around(some: Any, use: Callable[[Any], Any]) -> Any:
    """Use a generator within a flow named `around`."""

    @flow(name="around")
    def outer(**kwargs: Any) -> Any:
        return use(some(**kwargs))

    return outer


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", ["flow", "task"])
def test_yields(server: MemoryServer, kind: str, is_async: bool) -> None:
    """Values come one by one, as the code yields them, and the run has COMPLETED at the end."""
    steps = []

    def count(top: int) -> Generator[int, None, None]:
        for n in range(top):
            steps.append(f"made {n}")
            yield n

    some = made(kind, is_async, count)

    async def iterate_async() -> None:
        async for value in some(3):
            steps.append(f"took {value}")

    @flow
    def outer() -> None:
        if is_async:
            asyncio.run(iterate_async())
            return
        for value in some(3):
            steps.append(f"took {value}")

    outer()

    assert ["made 0", "took 0", "made 1", "took 1", "made 2", "took 2"] == steps
    run = server.only_run()
    [news] = (run.subflows if kind == "flow" else run.task_runs).values()
    assert ["Running", "Completed"] == [state.name for state in news.states]


def test_return_value_and_sent_values(server: MemoryServer) -> None:
    """`yield from` gives what a task returned, and what is sent to it arrives."""

    @task
    def echo() -> Generator[str, str, str]:
        heard = yield "first"
        yield f"heard {heard}"
        return "the end"

    @flow
    def outer() -> Generator[str, str, str]:
        end = yield from echo()
        return f"came to {end}"

    values = outer()
    assert "first" == next(values)
    assert "heard you" == values.send("you")
    with pytest.raises(StopIteration) as stop:
        next(values)
    assert "came to the end" == stop.value.value
    assert "COMPLETED" == server.only_run().state.type


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_exception(server: MemoryServer, is_async: bool) -> None:
    """An exception after some values is raised where the next one is asked for, and the run has FAILED."""

    def breaks() -> Generator[int, None, None]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        collected(made("flow", is_async, breaks)())
    assert ("FAILED", "ValueError: no more") == (server.only_run().state.type, server.only_run().state.message)


def test_closed_early(server: MemoryServer) -> None:
    """A generator that is closed before its end cleans up, and its run has COMPLETED."""
    cleaned = []

    @flow
    def endless() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            cleaned.append(current_flow_run.get() is not None)

    values = endless()
    next(values)
    values.close()

    assert [True] == cleaned
    state = server.only_run().state
    assert ("Completed", "it was closed before its end") == (state.name, state.message)


def test_closed_early_async(server: MemoryServer) -> None:
    """The same for an asynchronous one, which is closed by another task than it was begun in."""
    cleaned = []

    @flow
    async def endless() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(1)

    async def use() -> None:
        values = endless()
        await anext(values)
        await asyncio.create_task(values.aclose())

    asyncio.run(use())
    assert [1] == cleaned
    assert "Completed" == server.only_run().state.name


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_context(server: MemoryServer, is_async: bool) -> None:
    """The generator's code is within its run; whoever iterates is not, between two values and afterwards."""
    inside, outside = [], []

    def names() -> Generator[str, None, None]:
        for _ in range(2):
            inside.append(runtime.flow_run.flow_name)
            yield ""

    some = made("flow", is_async, names, name="inner")

    async def iterate_async() -> None:
        async for _ in some():
            outside.append(runtime.flow_run.flow_name)
        outside.append(runtime.flow_run.flow_name)

    def iterate() -> None:
        for _ in some():
            outside.append(runtime.flow_run.flow_name)
        outside.append(runtime.flow_run.flow_name)

    asyncio.run(iterate_async()) if is_async else iterate()

    assert ["inner", "inner"] == inside
    assert [None, None, None] == outside


def test_retries_and_hooks(server: MemoryServer) -> None:
    """A generator that fails is begun again by its retries, and hooks are called as for others."""
    told = []

    @flow(retries=1, on_completion=[lambda *_: told.append("done")])
    def flaky() -> Generator[int, None, None]:
        told.append("begun")
        yield len(told)
        if len(told) == 1:
            raise ValueError("not yet")

    assert [1, 2] == list(flaky())
    assert ["begun", "begun", "done"] == told


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_timeout_counts_its_own_time(server: MemoryServer, is_async: bool) -> None:
    """The limit is on the time that the generator itself takes, not on that of whoever iterates."""

    def slow() -> Generator[int, None, None]:
        yield 1
        yield 2
        time.sleep(60)

    async def slow_async() -> AsyncGenerator[int, None]:
        yield 1
        yield 2
        await asyncio.sleep(60)

    some = task(timeout_seconds=1)(slow_async if is_async else slow)
    taken = []

    async def use_async() -> None:
        async for value in some():
            await asyncio.sleep(0.6)
            taken.append(value)

    def use() -> None:
        for value in some():
            time.sleep(0.6)
            taken.append(value)

    with pytest.raises(TaskTimeoutError):
        asyncio.run(use_async()) if is_async else use()
    assert [1, 2] == taken


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_gathered(server: MemoryServer, is_async: bool) -> None:
    """Where nobody iterates, as for submitted tasks and with `return_state`, the result is the list of the values."""

    def count() -> Generator[int, None, None]:
        yield from range(3)

    some_task, some_flow = made("task", is_async, count), made("flow", is_async, count)

    @flow
    def outer() -> Any:
        return some_task.submit().result()

    assert [0, 1, 2] == outer()
    state = some_flow(return_state=True)
    assert [0, 1, 2] == (asyncio.run(state) if is_async else state).result()


def test_returned_generators_are_consumed(server: MemoryServer) -> None:
    """A generator that a flow or a task returns becomes the list of its values; one that it yields does not."""

    def values() -> Generator[int, None, None]:
        yield from (1, 2)

    @task
    def step() -> Any:
        return values()

    @flow
    def main() -> Any:
        return step()

    @flow
    def lazy() -> Generator[Any, None, None]:
        yield values()

    assert [1, 2] == main()
    assert [1, 2] == list(next(lazy()))


def test_values_are_known_as_inputs(server: MemoryServer) -> None:
    """A task that is given a value which another one yielded is known to depend on it."""

    @task
    def rows() -> Generator[list[int], None, None]:
        yield [1]

    @task
    def load(row: list[int]) -> None: ...

    @flow
    def main() -> None:
        for row in rows():
            load(row)

    main()
    tasks = server.only_run().tasks
    assert {"row": [tasks["rows-0"].id]} == tasks["load-0"].inputs


def test_wrong_arguments(server: MemoryServer) -> None:
    """Arguments that don't fit are refused by the call, before anybody iterates."""

    @flow
    def count(top: int) -> Generator[int, None, None]:
        yield top

    with pytest.raises(TypeError, match="missing a required argument: 'top'"):
        count()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_one_that_fails_as_it_is_closed_is_not_begun_again(server: MemoryServer, is_async: bool) -> None:
    """Nobody is there for what a retry would yield: it is FAILED, and who closes it is told why."""
    begun = []

    def stubborn() -> Generator[int, None, None]:
        begun.append(1)
        try:
            yield 1
        finally:
            raise ValueError("not now")

    async def first_of(values: Any) -> Any:
        value = await anext(values)
        with pytest.raises(ValueError, match="not now"):
            await values.aclose()
        return value

    def use(values: Any) -> Any:
        if is_async:
            return asyncio.run(first_of(values))
        value = next(values)
        with pytest.raises(ValueError, match="not now"):
            values.close()
        return value

    assert 1 == around(made("task", is_async, stubborn, retries=2), use)()
    assert ([1], "Failed") == (begun, state_name_of(server, "task"))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_later_attempt_iterates_again(server: MemoryServer, tmp_path: Path, is_async: bool) -> None:
    """What was handed out is not stored, whatever is said about its result: a retry of the flow is given it anew."""
    begun = []

    def count() -> Generator[int, None, None]:
        begun.append(1)
        yield from range(2)

    some = made("task", is_async, count, persist_result=True, result_storage=tmp_path)

    @flow(retries=1)
    def outer() -> Any:
        values = collected(some())
        if len(begun) == 1:
            raise ValueError("not yet")
        return {"values": values}

    assert {"values": [0, 1]} == outer()
