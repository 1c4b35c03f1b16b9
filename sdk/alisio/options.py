"""The options of `@flow` and `@task`, each declared once. It loads with the decorators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from alisio.results.options import ResultKeywords, TaskResultKeywords

if TYPE_CHECKING:
    from alisio.assets import Asset
    from alisio.task_runners.base import TaskRunner

RunName: TypeAlias = "str | Callable[..., str]"
RetryDelay: TypeAlias = "float | Sequence[float] | Callable[[int], Sequence[float]]"
Hook: TypeAlias = "Callable[..., object]"

FLOW_HOOKS = ("on_completion", "on_failure", "on_cancellation", "on_crashed", "on_running")
TASK_HOOKS = ("on_completion", "on_failure", "on_running", "on_commit", "on_rollback")


class CommonOptions(TypedDict, total=False):
    """What both take. An option that is None is one that was not given.

    Attributes:
        name: What its runs are listed under; by default the function's name, that of a flow with dashes.
        version: What distinguishes this text of it from others; of a flow by default a hash of its file.
        description: For people; by default the function's docstring.
        retries: How often to run it again when it fails; 0 by default.
        retry_delay_seconds: How long to wait before that: a number, one for each retry, or a function that makes
            these from the number of retries.
        timeout_seconds: How long one attempt may take; then it fails, and is named TimedOut. 0: no limit.
        log_prints: Whether `print` writes to the run's log; by default as in the flow around it.
        on_completion: Hooks: functions that are called with the flow or task, its run, and the state that it has
            come to, which is COMPLETED.
        on_failure: The same for FAILED, once no retry is left.
        on_running: The same for RUNNING, before its own function is called, in each attempt.
    """

    name: str | None
    version: str | None
    description: str | None
    retries: int | None
    retry_delay_seconds: RetryDelay | None
    timeout_seconds: float | None
    log_prints: bool | None
    on_completion: Sequence[Hook] | None
    on_failure: Sequence[Hook] | None
    on_running: Sequence[Hook] | None


class FlowOptions(CommonOptions, ResultKeywords, total=False):
    """The options of `@flow`; those about results are in `ResultKeywords`.

    Attributes:
        flow_run_name: A name for its runs: a template over the parameters such as `"{name}-on-{date:%A}"`, or a
            function, which may have a parameter named `parameters`.
        task_runner: How submitted tasks run; by default concurrently, on threads.
        validate_parameters: Whether to check and convert parameters by the function's type hints; True by default.
        on_cancellation: Hooks for a run that was cancelled while its code ran.
        on_crashed: Hooks for a run that ended without its code having a say, once no retry is left.
    """

    flow_run_name: RunName | None
    task_runner: TaskRunner | type[TaskRunner] | None
    validate_parameters: bool | None
    on_cancellation: Sequence[Hook] | None
    on_crashed: Sequence[Hook] | None


class TaskOptions(CommonOptions, TaskResultKeywords, total=False):
    """The options of `@task`; those about results are in `TaskResultKeywords`.

    Attributes:
        asset_deps: The keys of assets, or `Asset`s, that it uses: what is materialized from its result is made from
            them.
        tags: Laid on its runs.
        task_run_name: A name for its runs: a template over the parameters such as `"hello-{name}"`, or a function,
            which may have a parameter named `parameters`.
        retry_jitter_factor: By how much a delay may be longer, so that many tasks don't come back at once: with 0.5
            one of 10 seconds takes 10 to 15.
        retry_condition_fn: Asked before each retry, with the task, its run and the state FAILED, whether to.
        viz_return_value: What it returns while `flow.visualize()` draws.
        on_commit: Hooks that are called with its transaction, once that is committed.
        on_rollback: Hooks that are called with its transaction when that is rolled back, to undo what a run has done.
    """

    asset_deps: Sequence[str | Asset] | None
    tags: Iterable[str] | None
    task_run_name: RunName | None
    retry_jitter_factor: float | None
    retry_condition_fn: Callable[..., object] | None
    viz_return_value: Any
    on_commit: Sequence[Hook] | None
    on_rollback: Sequence[Hook] | None
