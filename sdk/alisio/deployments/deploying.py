"""Deploying a flow: its project's bundle is sent where it is new, then the deployment is created or changed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alisio.contract.base import first_problem
from alisio.contract.deployments import DeploymentSpec, ScheduleSpec
from alisio.deployments.bundle import Bundle, build_bundle
from alisio.deployments.failures import ProjectError, reason_of
from alisio.deployments.project_file import find_project

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.deployments import Deployment
    from alisio.flows import Flow


@dataclass(frozen=True)
class Plan:
    """What is said of a deployment besides its code.

    Attributes:
        schedules: The whole list; None leaves those that there are.
        description: None: the flow's.
        version: None: the flow's.
    """

    name: str
    work_pool_name: str
    work_queue_name: str = "default"
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    job_variables: dict[str, Any] = field(default_factory=dict)
    schedules: list[ScheduleSpec] | None = None
    description: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Source:
    """Where a flow's code lies.

    Attributes:
        root: The project's folder, which is bundled.
        entrypoint: `path/to/file.py:function`, relative to `root`.
    """

    root: Path
    entrypoint: str


class Deployer:
    """Deploys flows through one client; a project that several deployments share is bundled and sent once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._bundles: dict[Path, Bundle] = {}

    def deploy(self, flow: Flow[..., Any], source: Source, plan: Plan) -> Deployment:
        """Create a deployment of a flow, or make the one of the same name like this.

        Args:
            flow: The flow; its parameters, retries, version and description are read.
            source: Where its code lies.
            plan: What is said besides.

        Returns:
            The deployment.

        Raises:
            ProjectError: The project cannot be packed, or something said of the deployment has a wrong form.
            NotFoundError: There is no such work pool or queue.
            InvalidInputError: Something said of the deployment cannot be used.
            ApiUnreachableError: No server answers.
        """
        self._client.read_work_pool(plan.work_pool_name)
        bundle = self._bundles.get(source.root) or build_bundle(source.root)
        try:
            spec = _spec_of(flow, source, plan, bundle)
        except ValidationError as error:
            place, reason = first_problem(error.errors())
            raise ProjectError(f"{place}: {reason}") from error
        if source.root not in self._bundles:
            self._client.upload_bundle(bundle.content)
            self._bundles[source.root] = bundle
        return self._client.apply_deployment(spec)

    def bundle_of(self, source: Source) -> Bundle:
        """Tell which bundle was sent for a project that has been deployed."""
        return self._bundles[source.root]


def deploy_flow(flow: Flow[..., Any], plan: Plan, *, paused: bool) -> Deployment:
    """Deploy a flow from its own module: what `Flow.deploy` does.

    Args:
        flow: The flow.
        plan: What is said of the deployment.
        paused: Whether its schedules wait until it is resumed.

    Returns:
        The deployment as the server has it.

    Raises:
        ProjectError: The flow's code cannot be found, or its project cannot be packed.
        ApiError: The server refuses; see `Deployer.deploy`.
        ApiUnreachableError: No server answers.
    """
    from alisio.client import open_client
    from alisio.engine.entrypoints import is_loading

    if is_loading():
        raise ProjectError(
            f"flow {flow.name!r} would be deployed whenever its file is loaded; "
            "put the call below `if __name__ == '__main__':`"
        )
    source = source_of_flow(flow)
    with open_client() as client:
        deployment = Deployer(client).deploy(flow, source, plan)
        return client.pause_deployment(deployment.id) if paused else deployment


def source_of_flow(flow: Flow[..., Any]) -> Source:
    """Find the code of a flow that was imported.

    Raises:
        ProjectError: It is in no file, or not at the top of its module.
    """
    try:
        file = inspect.getsourcefile(inspect.unwrap(flow.fn))
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise ProjectError(f"flow {flow.name!r} is in no file, so it cannot be sent to an agent; save it in one")
    module = sys.modules.get(flow.fn.__module__)
    names = [name for name, value in vars(module).items() if value is flow] if module is not None else []
    if not names:
        raise ProjectError(f"flow {flow.name!r} is not at the top of its module {file}; define it there")
    return _source(Path(file).resolve(), names[0])


def source_of_entrypoint(entrypoint: str, base: Path) -> Source:
    """Find the code that an entrypoint on the command line names.

    Args:
        entrypoint: `path/to/file.py:function`.
        base: The folder that the path is relative to.

    Raises:
        ProjectError: It has another form, or there is no such file.
    """
    file, name = _split(entrypoint, base)
    return _source(file, name)


def source_in_project(entrypoint: str, root: Path) -> Source:
    """Find the code that an entrypoint in a project file names.

    Args:
        entrypoint: `path/to/file.py:function`, relative to the project file's folder.
        root: That folder.

    Raises:
        ProjectError: It has another form, there is no such file, or it lies outside of the project.
    """
    file, name = _split(entrypoint, root)
    if not file.is_relative_to(root.resolve()):
        raise ProjectError(f"the entrypoint {entrypoint!r} leaves the project {root}; move the file into it")
    return Source(root.resolve(), f"{file.relative_to(root.resolve()).as_posix()}:{name}")


def _split(entrypoint: str, base: Path) -> tuple[Path, str]:
    path, colon, name = entrypoint.rpartition(":")
    if not colon or not path or not name.isidentifier():
        raise ProjectError(f"the entrypoint {entrypoint!r} must be path/to/file.py:function")
    file = (base / path).resolve()
    if not file.is_file():
        raise ProjectError(f"the entrypoint {entrypoint!r} names no file: there is no {file}")
    return file, name


def _source(file: Path, name: str) -> Source:
    project = find_project(file.parent)
    root = file.parent if project is None else project.parent
    return Source(root, f"{file.relative_to(root).as_posix()}:{name}")


def schedules_of(
    schedules: Sequence[ScheduleSpec] | None,
    cron: str | None,
    interval: float | timedelta | None,
    rrule: str | None,
    timezone: str | None,
    overlap: str | None = None,
) -> list[ScheduleSpec] | None:
    """Make the schedules that the arguments of `Flow.deploy` say.

    Args:
        schedules: The whole list; or one of the next three.
        cron: A cron line.
        interval: Seconds, or a timedelta.
        rrule: A recurrence rule of RFC 5545.
        timezone: An IANA name; UTC where it is not given.
        overlap: A policy; `allow` where it is not given.

    Returns:
        The schedules; None where nothing is said of any.

    Raises:
        ProjectError: Two things are said at once, or one of them cannot be used.
    """
    rules = {"cron": cron, "interval_seconds": interval, "rrule": rrule}
    given = {name: rule for name, rule in rules.items() if rule is not None}
    further = {name: said for name, said in (("timezone", timezone), ("overlap", overlap)) if said is not None}
    if schedules is not None and (given or further):
        raise ProjectError("give schedules, or one of cron, interval and rrule with its timezone, not both")
    if schedules is not None:
        return list(schedules)
    if not given:
        for name in further:
            raise ProjectError(f"{name} goes with cron, interval or rrule")
        return None
    if isinstance(interval, timedelta):
        given["interval_seconds"] = interval.total_seconds()
    try:
        return [ScheduleSpec.model_validate(given | further)]
    except ValidationError as error:
        raise ProjectError(f"the schedule cannot be used: {reason_of(error)}") from error


def _spec_of(flow: Flow[..., Any], source: Source, plan: Plan, bundle: Bundle) -> DeploymentSpec:
    return DeploymentSpec(
        flow_name=flow.name,
        name=plan.name,
        entrypoint=source.entrypoint,
        version=plan.version or flow.version,
        description=plan.description or flow.description,
        tags=plan.tags,
        parameters=plan.parameters,
        parameter_schema=flow.parameter_schema(),
        work_pool_name=plan.work_pool_name,
        work_queue_name=plan.work_queue_name,
        job_variables=plan.job_variables,
        bundle=bundle.sha256,
        retries=flow.retries,
        retry_delays=list(flow.retry_delays),
        schedules=plan.schedules,
    )
