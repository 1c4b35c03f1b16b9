"""What tasks have to do with the background: being asked for, and being served."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from alisio.background import BackgroundFuture


class BackgroundMethods:
    """The methods of tasks that run in the background."""

    __slots__ = ()

    def delay(self, *args: Any, **kwargs: Any) -> BackgroundFuture[Any]:
        """Have the task run in the background with these arguments; see `apply_async`."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
    ) -> BackgroundFuture[Any]:
        """Have the task run in the background, by a process that serves it.

        Args:
            args: For the function.
            kwargs: For the function.
            wait_for: Futures that must have completed first; they are waited for here.

        Returns:
            The future, which this process need not outlive.

        Raises:
            ParameterError: The arguments don't fit, or one cannot be stored.
            AlisioError: The task's code cannot be found by others, or the server cannot be reached.
        """
        from alisio.background import enqueue

        future: BackgroundFuture[Any] = enqueue(cast(Any, self), args or (), kwargs or {}, wait_for)
        return future

    def serve(self, limit: int | None = 10) -> None:
        """Run what is asked for of this task from here; see `alisio.task_worker.serve`."""
        from alisio.task_worker import serve

        serve(cast(Any, self), limit=limit)
