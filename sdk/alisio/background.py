"""Background tasks: a task is asked for here, and run by whoever serves it (`background_runs`).

A task that runs in the background is the one task of a flow run of its own. So it is claimed, leased, reported and
ended by the rules for the runs of deployments, and there is no second set of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.background_futures import BackgroundFuture, unended
from alisio.client import Client, open_client
from alisio.context import current_graph, current_tags
from alisio.contract.runs import MAX_AWAITED, FlowRunCreate
from alisio.deployments.deploying import Plan, Source, source_of_definition
from alisio.deployments.failures import ProjectError
from alisio.deployments.flow_runs import find_deployment
from alisio.deployments.project_file import name_of_project
from alisio.deployments.runner import RunnerDeployment
from alisio.engine.arguments import find
from alisio.engine.entrypoints import is_loading, load_module
from alisio.exceptions import ApiError, EntrypointError, NotFoundError, ParameterError, VisualizationError
from alisio.futures import TaskRunFuture
from alisio.results.background import Arguments, forget, store_arguments

if TYPE_CHECKING:
    from alisio.tasks import Task

__all__ = ["BackgroundFuture", "background_deployment", "enqueue", "load_task", "load_tasks"]

_ENTRYPOINT = "alisio.background_runs:run_task"
_MAX_NAME = 200


def enqueue(
    task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], wait_for: Iterable[Any] | None
) -> Any:
    """Store a task's arguments, and make the run that is to execute it.

    Args:
        task: The task; it stands at the top of a module.
        args: As given to it; futures of background tasks are waited for, and the worker puts in their results.
        kwargs: Likewise.
        wait_for: Futures of background tasks that must have completed first.

    Returns:
        The future.

    Raises:
        ParameterError: The arguments don't fit, one cannot be stored, or one is a future of this process.
        ProjectError: The task's code cannot be found by another process, or its deployment is still to be made and
            may not be; or this is called whenever the task's file is loaded.
        VisualizationError: The flow around is only being drawn.
        AlisioError: The server cannot be reached, or refuses.
    """
    if current_graph.get() is not None:
        raise VisualizationError(f"{task.label} is asked for with delay(), and that cannot be drawn")
    if is_loading():
        raise ProjectError(
            f"{task.label} would be asked for whenever its file is loaded; put the call below "
            "`if __name__ == '__main__':`"
        )
    deployment = background_deployment(task)
    arguments = Arguments(tuple(args), dict(kwargs), tuple(wait_for or ()))
    _check(task, arguments)
    with closing(open_client()) as client:
        found = _deployment_id(client, task, deployment)
        key = store_arguments(task, arguments)
        request = FlowRunCreate(
            parameters={"arguments": key},
            tags=sorted(current_tags.get()),
            idempotency_key=key,
            # Of more than the server takes the worker waits for the older ones itself.
            after=unended(arguments)[-MAX_AWAITED:],
        )
        try:
            return BackgroundFuture(client.create_run(found, request).id)
        except ApiError as error:
            if 400 <= error.status < 500:  # else the run may have been made before the server failed to say so
                forget(key)
            raise


def background_deployment(task: Task[..., Any]) -> RunnerDeployment:
    """Describe the deployment whose runs execute a task.

    Raises:
        ProjectError: The task is in no file, or not at the top of its module, or has a name that cannot be used; or
            the project's file cannot be read.
    """
    from alisio.background_runs import run_task

    source = source_of_definition(task)
    try:
        runner = run_task.with_options(
            name=task.name,
            version=task.version,
            # These are for attempts that crash: within one the task is retried by itself.
            retries=task.retries,
            retry_delay_seconds=list(task.retry_delays) or None,
        )
    except ValueError as error:
        raise ProjectError(f"{task.label} cannot run in the background, as a flow run has its name: {error}") from error
    project = name_of_project(source.root)
    name = f"background {'' if project is None else f'{project}: '}{source.entrypoint.replace('/', '.')}"
    if len(name) > _MAX_NAME:
        raise ProjectError(f"{task.label} cannot run in the background: {name!r} is too long a name")
    plan = Plan(name=name, work_pool_name="", parameters={"entrypoint": source.entrypoint}, tags=sorted(task.tags))
    return RunnerDeployment(runner, Source(source.root, _ENTRYPOINT), plan)


def load_task(entrypoint: str, base: Path) -> Task[..., Any]:
    """Load a task; see `load_tasks`."""
    return load_tasks((entrypoint,), base)[0]


def load_tasks(entrypoints: Iterable[str], base: Path) -> list[Task[..., Any]]:
    """Load tasks; those of one file belong to one module.

    Args:
        entrypoints: `path/to/file.py:task`, relative to `base`.
        base: The project's folder.

    Raises:
        EntrypointError: One cannot be loaded. The text is one line.
    """
    from alisio.tasks import Task

    modules: dict[Path, ModuleType] = {}
    tasks = []
    for entrypoint in entrypoints:
        where, _, name = entrypoint.rpartition(":")
        if not where or not name:
            raise EntrypointError(f"{entrypoint!r} names no task: write path/to/file.py:task")
        place = (base / where).resolve()
        if place not in modules:
            modules[place] = load_module(where, base)
        found = getattr(modules[place], name, None)
        if not isinstance(found, Task):
            raise EntrypointError(f"there is no task {name!r} in {where}: put @task above it, or write its name")
        tasks.append(found)
    return tasks


def _check(task: Task[..., Any], given: Arguments) -> None:
    """Refuse what no other process can be given."""
    named = {repr(name): value for name, value in task.bind(given.args, given.kwargs).arguments.items()}
    for name, value in {**named, "wait_for": given.wait_for}.items():
        found = find(value, None)
        if found is not None and any(isinstance(link, TaskRunFuture) for link, _ in found.links):
            raise ParameterError(
                f"argument {name} of task {task.name!r} has a future of a task of this process, which a worker cannot "
                "wait for: give its result(), or ask for that task with delay() as well"
            )


def _deployment_id(client: Client, task: Task[..., Any], deployment: RunnerDeployment) -> UUID:
    """Find the deployment of a task; where nobody has served it yet, make it."""
    from alisio.deployments.serving import register

    try:
        return find_deployment(client, deployment.full_name).id
    except NotFoundError:
        pass
    try:
        return register(client, (deployment,))[0]
    except (ApiError, ProjectError) as error:
        reason = error if isinstance(error, ApiError) else error.__cause__
        if not isinstance(reason, ApiError) or reason.status != 403:
            raise
        raise ProjectError(
            f"{task.label} was never served, and this API key may not make its deployment: serve it once with a key "
            "of the role admin, by `alisio task serve`"
        ) from error
