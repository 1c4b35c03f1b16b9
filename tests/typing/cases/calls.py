"""Calls of flows and tasks: they take what their functions take, and give what these give."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

from alisio import Flow, State, Task, flow, task


@task
def halve(n: int, *, unit: str = "") -> float:
    return n / 2


@task(retries=2, tags=["slow"])
async def halve_async(n: int) -> float:
    return n / 2


@flow
def squares(n: int, names: list[str] | None = None) -> list[int]:
    return [n * n]


@flow(name="many", log_prints=True)
async def squares_async(n: int) -> list[int]:
    return [n * n]


@flow
def counting(n: int) -> Iterator[int]:
    yield from range(n)


@task(persist_result=True)
async def counting_async(n: int) -> AsyncIterator[int]:
    for number in range(n):
        yield number


def by_hand(n: int) -> str:
    return str(n)


assert_type(halve(1, unit="m"), float)
assert_type(squares(1, names=["a"]), list[int])
assert_type(counting(3), Iterator[int])
assert_type(squares(1, return_state=True), State[list[int]])
assert_type(squares(1, return_state=True).result(), list[int])
assert_type(halve(1, return_state=True), State[float])
assert_type(halve(1, wait_for=[halve.submit(2)]), float)
assert_type(counting(3, return_state=True), State[list[int]])
assert_type(squares.with_options(name="other", retries=1)(2), list[int])
assert_type(halve.with_options(timeout_seconds=3)(2, unit="m"), float)
assert_type(flow(by_hand)(1), str)
assert_type(task(cache_key_fn=lambda _context, _arguments: "k")(by_hand)(1), str)
assert_type(Flow(by_hand, name="by-hand")(1), str)
assert_type(Task(by_hand)(1), str)


async def main() -> None:
    assert_type(await halve_async(1), float)
    assert_type(await squares_async(1), list[int])
    assert_type(await squares_async(1, return_state=True), State[list[int]])
    assert_type(await halve_async(1, return_state=True), State[float])
    assert_type(await counting_async(1, return_state=True), State[list[int]])
    async for number in counting_async(3):
        assert_type(number, int)
    state = await squares_async(1, return_state=True)
    assert_type(await state.aresult(), list[int])


def takes_functions(
    plain: Callable[[int], list[int]], awaited: Callable[[int], Coroutine[Any, Any, float]]
) -> None: ...


takes_functions(squares, halve_async)
takes_functions(squares_async, halve_async)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

halve("one")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
halve()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
halve(1, "m")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
squares(1, name=["a"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
halve_async("one")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportUnusedCoroutine]
squares(1).upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
