"""Marks on arguments of flows and tasks: `unmapped`, `allow_failure`, `quote` and `opaque`."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Annotation(Generic[T]):
    """A value with a mark on it. The function that it is passed to is given the value alone."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def unwrap(self) -> T:
        """Give the value without the mark."""
        return self.value


class unmapped(Annotation[T]):  # noqa: N801  # used like a function
    """In `.map()`: give this value whole to every task run, though it could be iterated over."""

    __slots__ = ()


class allow_failure(Annotation[T]):  # noqa: N801  # used like a function
    """Run the task even if the future in this argument failed; it is given the exception in that case."""

    __slots__ = ()


class quote(Annotation[T]):  # noqa: N801  # used like a function
    """Pass this value as it is: no futures are looked for in it, and what it depends on is not noted."""

    __slots__ = ()

    def unquote(self) -> T:
        """Give the value without the mark."""
        return self.value


class opaque(Annotation[T]):  # noqa: N801  # used like a function
    """Put the result in the place of this future, and look for no others in what it holds."""

    __slots__ = ()
