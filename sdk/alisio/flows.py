"""Flows: `@flow` and what it makes of a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from alisio.engine.definition import Definition, RetryDelay, RunName, file_version
from alisio.engine.jsonable import clean_text
from alisio.results.options import ResultKeywords

if TYPE_CHECKING:
    from datetime import timedelta

    from alisio.contract.deployments import Deployment, ScheduleSpec
    from alisio.states import State
    from alisio.task_runners.base import TaskRunner

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[^/%&<>\x00-\x1f]{1,200}")


class Flow(Definition, Generic[P, R]):
    """A function whose runs are recorded. `@flow` makes it.

    Args:
        fn: The function, synchronous or asynchronous.
        name: What its runs are listed under; by default the function's name, with dashes.
        version: What distinguishes this text of the flow from others; by default a hash of its file.
        description: For people; by default the function's docstring.
        flow_run_name: A name for its runs: a template over the parameters such as `"{name}-on-{date:%A}"`, or a
            function without parameters.
        retries: How often to run it again when it fails.
        retry_delay_seconds: How long to wait before that: a number, one for each retry, or a function
            that makes these from the number of retries.
        timeout_seconds: How long one attempt may take; then the run is FAILED, and named TimedOut.
        task_runner: How submitted tasks run; by default concurrently, on threads.
        validate_parameters: Whether to check and convert parameters by the function's type hints.
        log_prints: Whether `print` writes to the run's log; by default as in the flow around it.
        results: Whether, where and how results are stored, those of its tasks too: see `ResultKeywords`.

    Raises:
        ValueError: An option cannot be used.
    """

    kind = "flow"

    def __init__(
        self,
        fn: Callable[P, R],
        name: str | None = None,
        version: str | None = None,
        description: str | None = None,
        flow_run_name: RunName | None = None,
        retries: int = 0,
        retry_delay_seconds: RetryDelay = 0,
        timeout_seconds: float | None = None,
        task_runner: TaskRunner | type[TaskRunner] | None = None,
        validate_parameters: bool = True,
        log_prints: bool | None = None,
        **results: Unpack[ResultKeywords],
    ) -> None:
        super().__init__(
            fn,
            name=name or getattr(fn, "__name__", "flow").replace("_", "-"),
            description=description,
            run_name=flow_run_name,
            retries=retries,
            retry_delay_seconds=retry_delay_seconds,
            timeout_seconds=timeout_seconds,
            log_prints=log_prints,
            results=results,
        )
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot be a flow's name: 1 to 200 characters, none of / % & < >")
        self.validate_parameters = validate_parameters
        self._task_runner = task_runner() if isinstance(task_runner, type) else task_runner
        self._version = version and clean_text(version, 200)

    @overload
    def __call__(
        self: Flow[P, Coroutine[Any, Any, Any]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Any: ...

    @overload
    def __call__(self: Flow[P, R], *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def __call__(self: Flow[P, R], *args: Any, wait_for: Iterable[Any], **kwargs: Any) -> R: ...

    @overload
    def __call__(self: Flow[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow; an asynchronous one must be awaited.

        Besides the function's own parameters it takes `return_state` (give the final state, in place of the
        result) and `wait_for` (futures that must have completed first).

        Returns:
            What the function returned.

        Raises:
            ParameterError: The arguments don't fit.
            Exception: What the function raised.
            RunError: The run ended without a result or an exception of its own.
        """
        from alisio.engine.calls import call_flow

        return call_flow(self, args, kwargs)

    @property
    def version(self) -> str:
        """Its version: the one it was given, else the first digits of the sha256 of its file, else `unknown`."""
        if self._version is None:
            self._version = file_version(self.fn)
        return self._version

    @property
    def task_runner(self) -> TaskRunner:
        """How its submitted tasks run; each flow run uses a duplicate."""
        if self._task_runner is None:
            from alisio.task_runners.threads import ThreadPoolTaskRunner

            self._task_runner = ThreadPoolTaskRunner()
        return self._task_runner

    def parameter_schema(self) -> dict[str, Any]:
        """Describe the parameters as a JSON Schema (draft 2020-12).

        Raises:
            ParameterError: A type hint cannot be read.
        """
        from alisio.engine.parameters import parameter_schema

        return parameter_schema(self)

    def with_defaults(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Give all parameters: those given, and the defaults of the others, in the function's order."""
        bound = inspect.BoundArguments(self.signature, dict(parameters))
        bound.apply_defaults()
        return dict(bound.arguments)

    def arguments_from(self, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give what to call the function with, from parameters by name."""
        bound = inspect.BoundArguments(self.signature, parameters)
        return bound.args, bound.kwargs

    def with_options(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        description: str | None = None,
        flow_run_name: RunName | None = None,
        retries: int | None = None,
        retry_delay_seconds: RetryDelay | None = None,
        timeout_seconds: float | None = None,
        task_runner: TaskRunner | type[TaskRunner] | None = None,
        validate_parameters: bool | None = None,
        log_prints: bool | None = None,
        **results: Unpack[ResultKeywords],
    ) -> Self:
        """Make a flow of the same function with other options; those not given stay as they are.

        Args:
            name: As for `@flow`; and so are the others.
            version: See there.
            description: See there.
            flow_run_name: See there.
            retries: See there.
            retry_delay_seconds: See there.
            timeout_seconds: See there; 0 takes the limit away.
            task_runner: See there.
            validate_parameters: See there.
            log_prints: See there.
            results: See there.

        Raises:
            ValueError: An option cannot be used.
        """
        return type(self)(
            self.fn,
            name=name or self.name,
            version=version or self._version,
            description=self.description if description is None else description,
            flow_run_name=flow_run_name or self.run_name,
            retries=self.retries if retries is None else retries,
            retry_delay_seconds=self.given_delay if retry_delay_seconds is None else retry_delay_seconds,
            timeout_seconds=self.timeout_seconds if timeout_seconds is None else timeout_seconds or None,
            task_runner=task_runner or self._task_runner,
            validate_parameters=self.validate_parameters if validate_parameters is None else validate_parameters,
            log_prints=self.log_prints if log_prints is None else log_prints,
            **self.results.keywords_with(results),
        )

    def deploy(
        self,
        name: str,
        work_pool_name: str,
        *,
        work_queue_name: str = "default",
        parameters: dict[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        schedules: Sequence[ScheduleSpec] | None = None,
        cron: str | None = None,
        interval: float | timedelta | None = None,
        rrule: str | None = None,
        timezone: str | None = None,
        overlap: str | None = None,
        description: str | None = None,
        version: str | None = None,
        job_variables: dict[str, Any] | None = None,
        paused: bool = False,
    ) -> Deployment:
        """Make the flow ready to be run by agents, with the code of its project as it is now.

        Args:
            name: Of the deployment; one of that name is replaced.
            work_pool_name: Whose agents run it.
            work_queue_name: The queue within the pool.
            parameters: Defaults for its runs.
            tags: Laid on its runs.
            schedules: When it runs; or one of the next three.
            cron: One schedule, as a cron line.
            interval: One schedule, in seconds or as a timedelta.
            rrule: One schedule, as a recurrence rule of RFC 5545.
            timezone: An IANA name, for `cron`, `interval` and `rrule`.
            overlap: What becomes of their runs while an earlier one has not ended: `allow`, `skip`, `queue` or
                `cancel_older`.
            description: For people; by default the flow's.
            version: By default the flow's.
            job_variables: Laid over the pool's.
            paused: Whether its schedules wait until it is resumed.

        Returns:
            The deployment as the server has it.

        Raises:
            AlisioError: The project, the flow or an option cannot be used, or the server cannot be reached.
            ValueError: The tags are none.
        """
        from alisio.context import checked_tags
        from alisio.deployments.deploying import Plan, deploy_flow, schedules_of

        plan = Plan(
            name=name,
            work_pool_name=work_pool_name,
            work_queue_name=work_queue_name,
            parameters=parameters or {},
            tags=sorted(checked_tags(tags or ())),
            job_variables=job_variables or {},
            schedules=schedules_of(schedules, cron, interval, rrule, timezone, overlap),
            description=description,
            version=version,
        )
        return deploy_flow(self, plan, paused=paused)


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...


@overload
def flow(
    *,
    name: str | None = None,
    version: str | None = None,
    description: str | None = None,
    flow_run_name: RunName | None = None,
    retries: int = 0,
    retry_delay_seconds: RetryDelay = 0,
    timeout_seconds: float | None = None,
    task_runner: TaskRunner | type[TaskRunner] | None = None,
    validate_parameters: bool = True,
    log_prints: bool | None = None,
    **results: Unpack[ResultKeywords],
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(fn: Callable[P, R] | None = None, /, **options: Any) -> Any:
    """Make a flow of a function: `@flow`, or `@flow(name="…", retries=2)`.

    Args:
        fn: The function.
        options: Those of `Flow`.

    Returns:
        The flow, or a decorator where only options are given.

    Raises:
        ValueError: An option cannot be used.
    """
    if fn is not None:
        return Flow(fn, **options)
    return lambda function: Flow(function, **options)
