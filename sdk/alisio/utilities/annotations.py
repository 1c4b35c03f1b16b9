"""Marks on arguments of tasks: `unmapped` and `allow_failure`."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class unmapped(Generic[T]):  # noqa: N801  # used like a function
    """In `.map()`: give this value whole to every task run, though it could be iterated over."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value


class allow_failure(Generic[T]):  # noqa: N801  # used like a function
    """Run the task even if the future in this argument failed; it is given the exception in that case."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value
