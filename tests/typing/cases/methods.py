"""Flows and tasks that are methods: they take no `self`."""

from typing import assert_type

from alisio import State, flow, task
from alisio.futures import TaskRunFuture


class Shop:
    @task
    def price(self, name: str) -> float:
        return len(name)

    @flow(name="open-shop")
    def open(self, hours: int = 8) -> list[str]:
        assert_type(self.price("bread"), float)
        assert_type(self.price.submit("bread"), TaskRunFuture[float])
        return []

    @flow
    async def close(self, hours: int) -> str:
        return str(hours)

    @flow
    @classmethod
    def named(cls, name: str) -> int:
        return len(name)

    @classmethod
    @task
    def found(cls, name: str) -> int:
        return len(name)


shop = Shop()
assert_type(shop.price("bread"), float)
assert_type(shop.price.submit("bread").result(), float)
assert_type(shop.price.map(["bread"]).result(), list[float])
assert_type(shop.price.with_options(retries=1)("bread"), float)
assert_type(shop.open(hours=3), list[str])
assert_type(shop.open(return_state=True), State[list[str]])
assert_type(Shop.named("corner"), int)
assert_type(shop.named("corner"), int)
assert_type(Shop.found("corner"), int)


async def main() -> None:
    assert_type(await shop.close(9), str)
    assert_type(await shop.close(9, return_state=True), State[str])


shop.price(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
shop.price()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
shop.open("all day")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
Shop.named(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
