"""Options of flows and tasks: those that there are, with the values that they take."""

from datetime import timedelta
from pathlib import Path

from alisio import flow, task
from alisio.cache_policies import INPUTS, TASK_SOURCE
from alisio.states import Completed, State
from alisio.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from alisio.tasks import exponential_backoff, task_input_hash
from alisio_dask import DaskTaskRunner
from alisio_ray import RayTaskRunner


def hook(flow: object, run: object, state: State[object]) -> None: ...


@flow(
    name="all",
    version="1",
    retries=2,
    retry_delay_seconds=10,
    timeout_seconds=5.5,
    task_runner=ThreadPoolTaskRunner(4),
    flow_run_name="{n}-of-all",
    on_completion=[hook],
    result_storage=Path("results"),
)
def everything(n: int) -> None: ...


@task(
    retries=3,
    retry_delay_seconds=exponential_backoff(10),
    cache_policy=INPUTS + TASK_SOURCE,
    cache_expiration=timedelta(hours=1),
    tags={"a", "b"},
    on_rollback=[hook],
    viz_return_value=3,
)
def step(n: int) -> int:
    return n


task(cache_key_fn=task_input_hash, retry_delay_seconds=[1, 2.5])(step.fn)
flow(task_runner=ProcessPoolTaskRunner)(everything.fn)
flow(task_runner=DaskTaskRunner(address="tcp://scheduler:8786"))(everything.fn)
flow(task_runner=RayTaskRunner("ray://head:10001"))(everything.fn)


@everything.on_failure
def told(flow: object, run: object, state: State[object]) -> str:
    return ""


told(everything, None, Completed()).upper()

flow(retrys=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
flow(retries="3")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
flow(tags=["a"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
task(task_runner=ThreadPoolTaskRunner())  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
task(timeout_seconds="soon")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
step.with_options(retrys=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
flow("etl")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
