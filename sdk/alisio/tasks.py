"""Tasks: `@task` and what it makes of a function."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from alisio.context import checked_tags
from alisio.engine.definition import Definition, RetryDelay, RunName
from alisio.results.options import TaskResultKeywords

if TYPE_CHECKING:
    from alisio.futures import FutureList, TaskRunFuture
    from alisio.states import State

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Task(Definition, Generic[P, R]):
    """A function whose runs are recorded as parts of a flow run. `@task` makes it.

    Args:
        fn: The function, synchronous or asynchronous.
        name: What its runs are listed under; by default the function's name.
        description: For people; by default the function's docstring.
        tags: Laid on its runs.
        task_run_name: A name for its runs: a template over the parameters such as `"hello-{name}"`, or a function
            without parameters.
        retries: How often to run it again when it fails.
        retry_delay_seconds: How long to wait before that: a number, one for each retry, or a function that makes
            these from the number of retries.
        timeout_seconds: How long one attempt may take; then it fails, and is named TimedOut.
        log_prints: Whether `print` writes to the run's log; by default as in its flow.
        results: Whether, where and how its results are stored: see `TaskResultKeywords`.

    Raises:
        ValueError: An option cannot be used.
    """

    kind = "task"

    def __init__(
        self,
        fn: Callable[P, R],
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        task_run_name: RunName | None = None,
        retries: int = 0,
        retry_delay_seconds: RetryDelay = 0,
        timeout_seconds: float | None = None,
        log_prints: bool | None = None,
        **results: Unpack[TaskResultKeywords],
    ) -> None:
        super().__init__(
            fn,
            name=name or str(getattr(fn, "__name__", "task")),
            description=description,
            run_name=task_run_name,
            retries=retries,
            retry_delay_seconds=retry_delay_seconds,
            timeout_seconds=timeout_seconds,
            log_prints=log_prints,
            results=results,
        )
        if not 0 < len(self.name) <= 400:
            raise ValueError(f"{self.name!r} cannot be a task's name: 1 to 400 characters")
        self.tags = checked_tags(tags or ())
        self.task_key = f"{getattr(fn, '__module__', None)}.{getattr(fn, '__qualname__', self.name)}"[:500]
        self._sorted_tags = sorted(self.tags)

    @overload
    def __call__(
        self: Task[P, Coroutine[Any, Any, Any]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Any: ...

    @overload
    def __call__(self: Task[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def __call__(self: Task[P, R], *args: Any, wait_for: Iterable[Any], **kwargs: Any) -> R: ...

    @overload
    def __call__(self: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task here and now; an asynchronous one must be awaited.

        Besides the function's own parameters it takes `return_state` (give the final state, in place of the
        result) and `wait_for` (futures that must have completed first). Futures among the arguments are waited
        for, and the function is given their results.

        Returns:
            What the function returned.

        Raises:
            ParameterError: The arguments don't fit.
            Exception: What the function raised.
            UnfinishedRunError: It was not run, as something it depends on did not complete.
        """
        from alisio.engine.calls import call_task

        return call_task(self, args, kwargs)

    @overload
    def submit(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[T]: ...

    @overload
    def submit(self: Task[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def submit(self: Task[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> TaskRunFuture[T]: ...

    @overload
    def submit(self: Task[P, R], *args: Any, **kwargs: Any) -> TaskRunFuture[R]: ...

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Hand the task to the flow's task runner.

        Args:
            args: For the function; futures are waited for before it starts, and replaced by their results.
            kwargs: For the function; besides these, `return_state` (wait, and give the final state) and
                `wait_for` (futures that must have completed first).

        Returns:
            The future.

        Raises:
            ParameterError: The arguments don't fit.
        """
        from alisio.engine.submission import submit

        return submit(self, args, kwargs)

    @overload
    def map(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[T]]: ...

    @overload
    def map(self: Task[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> list[State[R]]: ...

    @overload
    def map(self: Task[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> FutureList[T]: ...

    @overload
    def map(self: Task[P, R], *args: Any, **kwargs: Any) -> FutureList[R]: ...

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Submit one task run for each element of the arguments.

        Args:
            args: Each iterable among them gives its next element to each run, and all must be of one length; what
                is not iterable, or a text, or marked `unmapped`, is given whole to all.
            kwargs: Likewise; besides these, `return_state` and `wait_for`.

        Returns:
            A list of futures.

        Raises:
            ValueError: No argument is iterable, or the lengths differ.
            ParameterError: The arguments don't fit.
        """
        from alisio.engine.submission import submit_each

        return submit_each(self, args, kwargs)

    def tags_with(self, more: frozenset[str]) -> list[str]:
        """Give its tags and these, sorted."""
        return sorted(self.tags | more) if more else self._sorted_tags

    def with_options(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        task_run_name: RunName | None = None,
        retries: int | None = None,
        retry_delay_seconds: RetryDelay | None = None,
        timeout_seconds: float | None = None,
        log_prints: bool | None = None,
        **results: Unpack[TaskResultKeywords],
    ) -> Self:
        """Make a task of the same function with other options; those not given stay as they are.

        Args:
            name: As for `@task`; and so are the others.
            description: See there.
            tags: See there.
            task_run_name: See there.
            retries: See there.
            retry_delay_seconds: See there.
            timeout_seconds: See there; 0 takes the limit away.
            log_prints: See there.
            results: See there.

        Raises:
            ValueError: An option cannot be used.
        """
        return type(self)(
            self.fn,
            name=name or self.name,
            description=self.description if description is None else description,
            tags=self.tags if tags is None else tags,
            task_run_name=task_run_name or self.run_name,
            retries=self.retries if retries is None else retries,
            retry_delay_seconds=self.given_delay if retry_delay_seconds is None else retry_delay_seconds,
            timeout_seconds=self.timeout_seconds if timeout_seconds is None else timeout_seconds or None,
            log_prints=self.log_prints if log_prints is None else log_prints,
            **self.results.keywords_with(results),
        )


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Make delays that double: for `@task(retries=3, retry_delay_seconds=exponential_backoff(10))`.

    Args:
        backoff_factor: Seconds before the first retry.

    Returns:
        A function from the number of retries to the delays: 10, 20 and 40 seconds.
    """
    return lambda retries: [backoff_factor * 2**retry for retry in range(retries)]


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] | None = None,
    task_run_name: RunName | None = None,
    retries: int = 0,
    retry_delay_seconds: RetryDelay = 0,
    timeout_seconds: float | None = None,
    log_prints: bool | None = None,
    **results: Unpack[TaskResultKeywords],
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(fn: Callable[P, R] | None = None, /, **options: Any) -> Any:
    """Make a task of a function: `@task`, or `@task(name="…", retries=2)`.

    Args:
        fn: The function.
        options: Those of `Task`.

    Returns:
        The task, or a decorator where only options are given.

    Raises:
        ValueError: An option cannot be used.
    """
    if fn is not None:
        return Task(fn, **options)
    return lambda function: Task(function, **options)
