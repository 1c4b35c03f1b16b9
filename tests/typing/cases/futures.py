"""Submitted tasks: futures know what comes of them."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from alisio import State, allow_failure, flow, task, unmapped
from alisio.futures import FutureList, PrefectFuture, PrefectFutureList, TaskRunFuture, as_completed, wait


@task
def halve(n: int, by: tuple[int, ...] = ()) -> float:
    return n / 2


@task
async def name_of(n: int) -> str:
    return str(n)


@task
def counting(n: int) -> Iterator[int]:
    yield from range(n)


@task(retries=1)
async def counting_async(n: int) -> AsyncIterator[int]:
    for number in range(n):
        yield number


@task
def nothing() -> None: ...


@flow
def around() -> None:
    assert_type(halve.submit(1), TaskRunFuture[float])
    assert_type(halve.submit(1), PrefectFuture[float])
    assert_type(halve.submit(1).result(), float)
    assert_type(halve.submit(1).state, State[float])
    assert_type(halve.submit(1, return_state=True), State[float])
    assert_type(halve.with_options(name="other").submit(1).result(timeout=3), float)
    assert_type(nothing.submit().result(), None)
    assert_type(name_of.submit(1).result(), str)
    assert_type(name_of.submit(1, return_state=True), State[str])
    assert_type(counting.submit(1).result(), list[int])
    assert_type(counting_async.submit(1).result(), list[int])
    assert_type(counting.submit(1, return_state=True), State[list[int]])

    first = halve.submit(1)
    halve.submit(first, wait_for=[allow_failure(first)])  # futures stand for their results
    assert_type(halve.map([1, 2], by=unmapped((3, 4))), FutureList[float])
    assert_type(halve.map([1, 2]), PrefectFutureList[float])
    assert_type(halve.map([1, 2]).result(), list[float])
    assert_type(halve.map([1, 2], return_state=True), list[State[float]])
    assert_type(name_of.map([1, 2]).result(), list[str])
    assert_type(name_of.map([1, 2])[0], TaskRunFuture[str])
    assert_type(counting.map([1, 2]).result(), list[list[int]])
    assert_type(unmapped([1]).unwrap(), list[int])

    for future in as_completed(halve.map([1, 2])):
        assert_type(future, TaskRunFuture[float])
    assert_type(wait([first]).done, set[TaskRunFuture[float]])

    halve.submit(1).result().upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    halve.submit(1) + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    halve.map([1]).result("soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wait(halve)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def around_async() -> None:
    future = name_of.submit(1)
    assert_type(await future.result_async(), str)
    await future.wait_async(timeout=1)
    await future  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
