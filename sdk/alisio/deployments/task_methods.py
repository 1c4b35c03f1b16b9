"""What tasks have to do with the background: being asked for, and being served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

if TYPE_CHECKING:
    from alisio.background import BackgroundFuture

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
T = TypeVar("T")


class BackgroundMethods(Generic[P, R]):
    """The methods of tasks that run in the background."""

    __slots__ = ()

    @overload
    def delay(self: BackgroundMethods[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> BackgroundFuture[T]: ...

    @overload
    def delay(self: BackgroundMethods[P, AsyncIterator[T]], *args: Any, **kwargs: Any) -> BackgroundFuture[list[T]]: ...

    @overload
    def delay(self: BackgroundMethods[P, Iterator[T]], *args: Any, **kwargs: Any) -> BackgroundFuture[list[T]]: ...

    @overload
    def delay(self: BackgroundMethods[P, R], *args: Any, **kwargs: Any) -> BackgroundFuture[R]: ...

    def delay(self, *args: Any, **kwargs: Any) -> Any:
        """Have the task run in the background with these arguments; see `apply_async`."""
        return self.apply_async(args, kwargs)

    @overload
    def apply_async(
        self: BackgroundMethods[P, Coroutine[Any, Any, T]],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
    ) -> BackgroundFuture[T]: ...

    @overload
    def apply_async(
        self: BackgroundMethods[P, AsyncIterator[T]],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
    ) -> BackgroundFuture[list[T]]: ...

    @overload
    def apply_async(
        self: BackgroundMethods[P, Iterator[T]],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
    ) -> BackgroundFuture[list[T]]: ...

    @overload
    def apply_async(
        self: BackgroundMethods[P, R],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
    ) -> BackgroundFuture[R]: ...

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
    ) -> Any:
        """Have the task run in the background, by a process that serves it.

        Args:
            args: For the function; futures that `delay` and this give are replaced by their results: the task is
                run once those have ended.
            kwargs: Likewise.
            wait_for: Such futures that must have completed first.

        Returns:
            The future, which this process need not outlive.

        Raises:
            ParameterError: The arguments don't fit, one cannot be stored, or one is a future of `submit`.
            AlisioError: The task's code cannot be found by others, or the server cannot be reached.
        """
        from alisio.background import enqueue

        return enqueue(cast(Any, self), args or (), kwargs or {}, wait_for)

    def serve(self, limit: int | None = 10, timeout: float | None = None) -> None:
        """Run what is asked for of this task from here; see `alisio.task_worker.serve`."""
        from alisio.task_worker import serve

        serve(cast(Any, self), limit=limit, timeout=timeout)

    async def aserve(self, limit: int | None = 10, timeout: float | None = None) -> None:
        """Do what `serve` does beside the event loop; see `alisio.task_worker.aserve`."""
        from alisio.task_worker import aserve

        await aserve(cast(Any, self), limit=limit, timeout=timeout)
