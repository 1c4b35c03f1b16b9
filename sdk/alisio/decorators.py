"""What type checkers are told that `@flow` and `@task` give; nothing of it is there when code runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from alisio.flows import Flow
from alisio.tasks import Task

P = ParamSpec("P")
R = TypeVar("R")


class FlowDecorator(Protocol):
    """What `@flow(…)` gives: it goes on a function."""

    @overload
    def __call__(self, fn: classmethod[Any, P, R] | staticmethod[P, R], /) -> Flow[P, R]: ...

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]: ...


class TaskDecorator(Protocol):
    """What `@task(…)` gives: it goes on a function."""

    @overload
    def __call__(self, fn: classmethod[Any, P, R] | staticmethod[P, R], /) -> Task[P, R]: ...

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Task[P, R]: ...
