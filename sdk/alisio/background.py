"""Background tasks: a task is asked for here, and run by whoever serves it.

A task that runs in the background is the one task of a flow run of its own. So it is claimed, leased, reported and
ended by the rules for the runs of deployments, and there is no second set of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID, uuid4

from alisio.client import Client, open_client
from alisio.context import current_tags
from alisio.contract.runs import FlowRunCreate
from alisio.deployments.deploying import Plan, Source, source_of_definition
from alisio.deployments.flow_runs import find_deployment
from alisio.deployments.runner import RunnerDeployment
from alisio.engine.either import Core, awaited, blocking, run
from alisio.engine.entrypoints import load_module
from alisio.exceptions import EntrypointError, NotFoundError, ParameterError
from alisio.flow_runs import until_ended, with_state
from alisio.flows import flow
from alisio.futures import resolve_futures_to_results
from alisio.results.store import ResultStore

if TYPE_CHECKING:
    from alisio.states import State
    from alisio.tasks import Task

__all__ = ["BackgroundFuture", "background_deployment", "enqueue", "load_task"]

R = TypeVar("R")
_ENTRYPOINT = f"{__name__}:run_task"


class BackgroundFuture(Generic[R]):
    """A task that was asked for, and is run by another process. `Task.delay` and `Task.apply_async` make it.

    Attributes:
        flow_run_id: The run that the task is the only one of.
    """

    def __init__(self, flow_run_id: UUID) -> None:
        self.flow_run_id = flow_run_id
        self._end: State[R] | None = None

    def __repr__(self) -> str:
        return f"BackgroundFuture({self.flow_run_id})"

    @property
    def state(self) -> State[R]:
        """The state that it is in now, as the server says."""
        return run(self._look(0))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has come to its end, or this many seconds have passed."""
        run(self._look(timeout))

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait without blocking the event loop."""
        await awaited(self._look(timeout))

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the result.

        Args:
            timeout: How many seconds at most; None: until it has ended.
            raise_on_failure: Give the exception back, in place of raising it.

        Raises:
            TimeoutError: It has not ended in time.
            RunError: It failed, crashed or was cancelled; the text is its state's message.
        """
        return self._ended(run(self._look(timeout)), timeout).result(raise_on_failure=raise_on_failure)

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the result without blocking the event loop; see `result`."""
        state = self._ended(await awaited(self._look(timeout)), timeout)
        return await state.aresult(raise_on_failure=raise_on_failure)

    def _look(self, timeout: float | None) -> Core[State[R]]:
        if self._end is not None:
            return self._end
        client: Client = yield from blocking(open_client)
        try:
            seen = yield from until_ended(client, self.flow_run_id, timeout, 1.0)
        finally:
            client.close()
        state: State[R] = with_state(seen).state  # type: ignore[assignment]  # it is one from here on
        if state.is_final():
            self._end = state
        return state

    def _ended(self, state: State[R], timeout: float | None) -> State[R]:
        if not state.is_final():
            raise TimeoutError(f"background task {self.flow_run_id} has not ended within {timeout} s")
        return state


def enqueue(
    task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], wait_for: Iterable[Any] | None
) -> Any:
    """Store a task's arguments, and make the run that is to execute it.

    Args:
        task: The task; it stands at the top of a module.
        args: As given to it; futures of submitted tasks are waited for, and replaced by their results.
        kwargs: Likewise.
        wait_for: Futures that must have completed first; they are waited for here.

    Returns:
        The future.

    Raises:
        ParameterError: The arguments don't fit, or one cannot be stored.
        ProjectError: The task's code cannot be found by another process.
        AlisioError: The server cannot be reached, or refuses.
    """
    from alisio.deployments.serving import register

    deployment = background_deployment(task)
    task.bind(args, dict(kwargs))
    for future in wait_for or ():
        future.result()
    arguments = resolve_futures_to_results((tuple(args), dict(kwargs)))
    key = _store(task, arguments)
    with closing(open_client()) as client:
        try:
            found = find_deployment(client, deployment.full_name).id
        except NotFoundError:  # nobody has served it yet
            found = register(client, (deployment,))[0]
        request = FlowRunCreate(parameters={"arguments": key}, tags=sorted(current_tags.get()), idempotency_key=key)
        return BackgroundFuture(client.create_run(found, request).id)


def background_deployment(task: Task[..., Any]) -> RunnerDeployment:
    """Describe the deployment whose runs execute a task.

    Raises:
        ProjectError: The task is in no file, or not at the top of its module.
    """
    source = source_of_definition(task)
    runner = run_task.with_options(name=task.name, version=task.version)
    name = f"background {source.entrypoint.replace('/', '.')}"
    plan = Plan(name=name, work_pool_name="", parameters={"entrypoint": source.entrypoint}, tags=sorted(task.tags))
    return RunnerDeployment(runner, Source(source.root, _ENTRYPOINT), plan)


def load_task(entrypoint: str, base: Path) -> Task[..., Any]:
    """Load a task.

    Args:
        entrypoint: `path/to/file.py:task`, relative to `base`.
        base: The project's folder.

    Raises:
        EntrypointError: It cannot be loaded. The text is one line.
    """
    from alisio.tasks import Task

    where, _, name = entrypoint.rpartition(":")
    if not where or not name:
        raise EntrypointError(f"{entrypoint!r} names no task: write path/to/file.py:task")
    found = getattr(load_module(where, base), name, None)
    if not isinstance(found, Task):
        raise EntrypointError(f"there is no task {name!r} in {where}: put @task above the function, or write its name")
    return found


@flow(persist_result=True)
def run_task(entrypoint: str, arguments: str) -> Any:
    """Run a task with arguments that were stored.

    Args:
        entrypoint: Where it is: `path/to/file.py:task`, relative to the working folder.
        arguments: The key under which they are stored.

    Returns:
        What the task returned.
    """
    from alisio.engine.drivers import run_coroutine

    task = load_task(entrypoint, Path.cwd())
    args, kwargs = ResultStore().read(arguments).result
    called = partial(task, *args, **kwargs, return_state=True)
    state: Any = run_coroutine(called()) if task.is_async else called()
    return state.result()


def _store(task: Task[..., Any], arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> str:
    key = f"background-{uuid4()}"
    store = ResultStore()
    try:
        store.write(arguments, key)
    except Exception as error:
        args, kwargs = arguments
        for name, value in task.bind(args, kwargs).arguments.items():
            try:
                store.record_of(key, value)
            except Exception as fault:
                text = " ".join(str(fault).split())
                raise ParameterError(f"argument {name!r} of task {task.name!r} cannot be stored: {text}") from error
        raise
    return key
