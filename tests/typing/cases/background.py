"""Background tasks: futures know what comes of them."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from alisio import State, task
from alisio.background import BackgroundFuture


@task
def halve(n: int) -> float:
    return n / 2


@task(retries=1)
async def name_of(n: int) -> str:
    return str(n)


@task
def counting(n: int) -> Iterator[int]:
    yield from range(n)


@task
async def counting_async(n: int) -> AsyncIterator[int]:
    for number in range(n):
        yield number


first = halve.delay(1)
assert_type(first, BackgroundFuture[float])
assert_type(first.result(timeout=3), float)
assert_type(first.state, State[float])
assert_type(halve.apply_async((first,), wait_for=[first]), BackgroundFuture[float])  # futures stand for results
assert_type(halve.with_options(retries=2).delay(n=1).result(), float)
assert_type(name_of.delay(1), BackgroundFuture[str])
assert_type(name_of.apply_async(kwargs={"n": 1}).result(), str)
assert_type(counting.delay(2).result(), list[int])
assert_type(counting_async.delay(2).result(), list[int])
assert_type(counting_async.apply_async((2,)).result(), list[int])

first.result("soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
halve.apply_async(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def around() -> None:
    assert_type(await name_of.delay(1).result_async(), str)
    await halve.aserve(limit=2, timeout=1)
