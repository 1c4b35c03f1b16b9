"""Tasks: `@task` and what it makes of a function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from alisio.context import checked_tags
from alisio.deployments.task_methods import BackgroundMethods
from alisio.engine import option_checks as checks
from alisio.engine.definition import Definition
from alisio.engine.task_functions import exponential_backoff as exponential_backoff
from alisio.engine.task_functions import task_input_hash as task_input_hash
from alisio.options import TASK_HOOKS, TaskOptions
from alisio.results.options import TaskResultKeywords

if TYPE_CHECKING:
    from alisio.assets import Asset
    from alisio.background_lists import BackgroundFutureList
    from alisio.decorators import TaskDecorator
    from alisio.futures import FutureList, TaskRunFuture
    from alisio.states import State

P = ParamSpec("P")
Q = ParamSpec("Q")
Owner = TypeVar("Owner")
R = TypeVar("R", covariant=True)  # so that what a checker calls a coroutine is a `Coroutine` to the overloads
T = TypeVar("T")
H = TypeVar("H", bound=Callable[..., object])


class Task(Definition, BackgroundMethods[P, R], Generic[P, R]):
    """A function whose runs are recorded as parts of a flow run. `@task` makes it.

    Args:
        fn: The function: synchronous, asynchronous or a generator; a class method or a static method too.
        options: See `TaskOptions`.

    Attributes:
        names_assets: Whether it makes assets, or says that it uses some.
        assets: What it makes; only a `MaterializingTask` makes any.
        asset_deps: What it says that it uses.
        materialized_by: The tool that makes them.

    Raises:
        TypeError: It is no function, or there is no such option.
        ValueError: An option cannot be used.
    """

    kind = "task"
    hook_options = TASK_HOOKS
    own_options = frozenset(TaskOptions.__annotations__) - frozenset(TaskResultKeywords.__annotations__)
    names_assets = False
    assets: tuple[Asset, ...] = ()
    asset_deps: tuple[Asset, ...] = ()
    materialized_by: str | None = None

    def __init__(
        self, fn: Callable[P, R] | classmethod[Any, P, R] | staticmethod[P, R], **options: Unpack[TaskOptions]
    ) -> None:
        super().__init__(fn, options)
        label = self.label
        if not 0 < len(self.name) <= 400:
            raise ValueError(f"{self.name!r} cannot be a task's name: 1 to 400 characters")
        self.version = checks.checked_text(label, "version", options.get("version"))
        self.retry_jitter_factor = checks.checked_jitter(label, options.get("retry_jitter_factor"))
        condition = options.get("retry_condition_fn")
        self.retry_condition_fn = checks.checked_function(label, "retry_condition_fn", condition)
        self.viz_return_value = options.get("viz_return_value")
        self.tags = checked_tags(options.get("tags") or ())
        self.task_key = f"{getattr(self.fn, '__module__', None)}.{getattr(self.fn, '__qualname__', self.name)}"[:500]
        self._sorted_tags = sorted(self.tags)
        if (asset_deps := options.get("asset_deps")) is not None:
            self._use_assets(asset_deps)

    @overload
    def __call__(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[T]]: ...

    @overload
    def __call__(
        self: Task[P, AsyncIterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[list[T]]]: ...

    @overload
    def __call__(
        self: Task[P, Iterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[list[T]]: ...

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

    if TYPE_CHECKING:  # a class method, a method, and what else a class may hold

        @overload
        def __get__(
            self: Task[Concatenate[type[Owner], Q], R], instance: Owner | None, owner: type[Owner]
        ) -> Task[Q, R]: ...

        @overload
        def __get__(self: Task[Concatenate[Owner, Q], R], instance: Owner, owner: type[Owner]) -> Task[Q, R]: ...

        @overload
        def __get__(self, instance: object, owner: type | None = None) -> Self: ...

        def __get__(self, instance: object, owner: type | None = None) -> Any: ...

    @overload
    def submit(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[T]: ...

    @overload
    def submit(
        self: Task[P, AsyncIterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[list[T]]: ...

    @overload
    def submit(
        self: Task[P, Iterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[list[T]]: ...

    @overload
    def submit(self: Task[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def submit(self: Task[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> TaskRunFuture[T]: ...

    @overload
    def submit(self: Task[P, AsyncIterator[T]], *args: Any, **kwargs: Any) -> TaskRunFuture[list[T]]: ...

    @overload
    def submit(self: Task[P, Iterator[T]], *args: Any, **kwargs: Any) -> TaskRunFuture[list[T]]: ...

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
    def map(self, *args: Any, deferred: Literal[True], **kwargs: Any) -> BackgroundFutureList[Any]: ...

    @overload
    def map(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[T]]: ...

    @overload
    def map(
        self: Task[P, AsyncIterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[list[T]]]: ...

    @overload
    def map(
        self: Task[P, Iterator[T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[list[T]]]: ...

    @overload
    def map(self: Task[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> list[State[R]]: ...

    @overload
    def map(self: Task[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> FutureList[T]: ...

    @overload
    def map(self: Task[P, AsyncIterator[T]], *args: Any, **kwargs: Any) -> FutureList[list[T]]: ...

    @overload
    def map(self: Task[P, Iterator[T]], *args: Any, **kwargs: Any) -> FutureList[list[T]]: ...

    @overload
    def map(self: Task[P, R], *args: Any, **kwargs: Any) -> FutureList[R]: ...

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Submit one task run for each element of the arguments.

        Args:
            args: Each iterable among them gives its next element to each run, and all must be of one length; what
                is not iterable, or a text, or marked `unmapped`, is given whole to all.
            kwargs: Likewise; besides these, `return_state` and `wait_for`, and `deferred`: have each run in the
                background, as `delay` does.

        Returns:
            A list of futures.

        Raises:
            ValueError: No argument is iterable, or the lengths differ.
            ParameterError: The arguments don't fit.
        """
        from alisio.engine.submission import submit_each

        return submit_each(self, args, kwargs)

    def on_commit(self, hook: H) -> H:
        """Call this function with a run's transaction once that is committed: `@step.on_commit`."""
        return self._add_hook("on_commit", hook)

    def on_rollback(self, hook: H) -> H:
        """Call this function with a run's transaction when that is rolled back: `@step.on_rollback`."""
        return self._add_hook("on_rollback", hook)

    def _use_assets(self, asset_deps: Iterable[str | Asset]) -> None:
        from alisio.assets import checked_assets

        self.asset_deps = checked_assets(self.label, "asset_deps", asset_deps)
        self.names_assets = True

    @property
    def transacts(self) -> bool:
        """Whether hooks of it are called with the transactions of its runs."""
        return bool(self.hooks) and ("on_rollback" in self.hooks or "on_commit" in self.hooks)

    def tags_with(self, more: frozenset[str]) -> list[str]:
        """Give its tags and these, sorted."""
        return sorted(self.tags | more) if more else self._sorted_tags

    def with_options(self, **options: Unpack[TaskOptions]) -> Self:
        """Make a task of the same function with other options; those not given stay as they are.

        Args:
            options: See `TaskOptions`.

        Raises:
            ValueError: An option cannot be used.
        """
        return type(self)(self._descriptor or self.fn, **self.options_with(options))


@overload
def task(fn: classmethod[Any, P, R] | staticmethod[P, R], /) -> Task[P, R]: ...


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(**options: Unpack[TaskOptions]) -> TaskDecorator: ...


def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a task of a function: `@task`, or `@task(name="…", retries=2)`.

    Args:
        fn: The function.
        options: See `TaskOptions`.

    Returns:
        The task, or a decorator where only options are given.

    Raises:
        TypeError: It is no function, or there is no such option.
        ValueError: An option cannot be used.
    """
    if fn is not None:
        return Task(fn, **options)
    return lambda function: Task(function, **options)
