"""Deploying a flow: its project's bundle is sent where it is new, then the deployment is created or changed."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alisio.contract.base import first_problem
from alisio.contract.deployments import DeploymentSpec, ScheduleSpec
from alisio.deployments.bundle import Bundle, build_bundle
from alisio.deployments.failures import ProjectError
from alisio.deployments.project_file import find_project

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.deployments import Deployment
    from alisio.engine.definition import Definition
    from alisio.flows import Flow


@dataclass(frozen=True)
class Plan:
    """What is said of a deployment besides its code.

    Attributes:
        schedules: The whole list; None leaves those that there are.
        description: None: the flow's.
        version: None: the flow's.
        enforce_parameter_schema: Whether runs whose parameters do not fit the flow's are refused.
        limits: `concurrency_limit`, `collision_strategy` and `grace_period_seconds`, those that are given.
        paused: Whether its schedules wait until it is resumed; None: as it was.
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
    enforce_parameter_schema: bool = True
    limits: dict[str, Any] = field(default_factory=dict)
    paused: bool | None = None


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
        spec = spec_of(flow, source, plan, bundle=bundle.sha256)
        if source.root not in self._bundles:
            self._client.upload_bundle(bundle.content)
            self._bundles[source.root] = bundle
        return apply(self._client, spec, plan.paused)

    def bundle_of(self, source: Source) -> Bundle:
        """Tell which bundle was sent for a project that has been deployed."""
        return self._bundles[source.root]


def source_of_flow(flow: Flow[..., Any]) -> Source:
    """Find the code of a flow that was imported, or was loaded from a source of its own.

    Raises:
        ProjectError: It is in no file, or not at the top of its module.
    """
    return source_of_definition(flow) if flow.source is None else flow.source


def source_of_definition(definition: Definition) -> Source:
    """Find the code of a flow or a task that was imported.

    Raises:
        ProjectError: It is in no file, or not at the top of its module.
    """
    try:
        file = inspect.getsourcefile(inspect.unwrap(definition.fn))
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise ProjectError(f"{definition.label} is in no file, so it cannot be sent to an agent; save it in one")
    module = sys.modules.get(definition.fn.__module__)
    names = [name for name, value in vars(module).items() if value is definition] if module is not None else []
    if not names:
        raise ProjectError(f"{definition.label} is not at the top of its module {file}; define it there")
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


def apply(client: Client, spec: DeploymentSpec, paused: bool | None) -> Deployment:
    """Create a deployment, or make the one of the same name like this; then pause or resume it, where that is said."""
    deployment = client.apply_deployment(spec)
    if paused is None or paused == deployment.paused:
        return deployment
    return (client.pause_deployment if paused else client.resume_deployment)(deployment.id)


def spec_of(flow: Flow[..., Any], source: Source, plan: Plan, **code: str) -> DeploymentSpec:
    """Say to the API what a deployment is to be.

    Args:
        flow: The flow; its parameters, retries, version and description are read.
        source: Where its code lies.
        plan: What is said besides.
        code: `bundle`, its digest; or `path`, a folder on the machine of the agent.

    Raises:
        ProjectError: Something said of the deployment has a wrong form.
    """
    try:
        return _spec_of(flow, source, plan, code)
    except ValidationError as error:
        place, reason = first_problem(error.errors())
        raise ProjectError(f"{place}: {reason}") from error


def _spec_of(flow: Flow[..., Any], source: Source, plan: Plan, code: dict[str, str]) -> DeploymentSpec:
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
        enforce_parameter_schema=plan.enforce_parameter_schema,
        retries=flow.retries,
        retry_delays=list(flow.retry_delays),
        schedules=plan.schedules,
        **code,
        **plan.limits,
    )
