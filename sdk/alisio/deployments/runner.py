"""Deployments as Python sees them before they are made, and making several at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack
from uuid import UUID

from alisio.deployments.deploying import Deployer, Plan, Source, source_of_entrypoint, source_of_flow
from alisio.deployments.failures import ProjectError
from alisio.deployments.options import DeploymentOptions, plan_of
from alisio.engine.either import awaited, blocking

if TYPE_CHECKING:
    from alisio.flows import Flow

__all__ = ["RunnerDeployment", "adeploy", "deploy"]


class RunnerDeployment:
    """A deployment that is described, and not made yet: `apply`, `deploy` and `serve` make it.

    Attributes:
        flow: Its flow.
        source: Where the flow's code lies.
        plan: What is said of it.
    """

    def __init__(self, flow: Flow[..., Any], source: Source, plan: Plan) -> None:
        self.flow = flow
        self.source = source
        self.plan = plan

    def __repr__(self) -> str:
        return f"RunnerDeployment({self.full_name!r})"

    def __await__(self) -> Generator[None, None, RunnerDeployment]:
        """Give itself: programs written for Prefect await `flow.to_deployment(…)`, in asynchronous code."""
        yield from ()
        return self

    @classmethod
    def from_flow(
        cls,
        flow: Flow[..., Any],
        name: str,
        work_pool_name: str | None = None,
        **options: Unpack[DeploymentOptions],
    ) -> RunnerDeployment:
        """Describe a deployment of a flow; see `Flow.to_deployment`."""
        return cls(flow, source_of_flow(flow), plan_of(name, work_pool_name or "", options))

    @classmethod
    def from_entrypoint(
        cls, entrypoint: str, name: str, work_pool_name: str | None = None, **options: Unpack[DeploymentOptions]
    ) -> RunnerDeployment:
        """Describe a deployment of a flow in a file, `path/to/file.py:function`; see `Flow.to_deployment`.

        Raises:
            ProjectError: There is no such file.
            EntrypointError: The flow cannot be loaded.
        """
        from alisio.engine.entrypoints import load_flow

        source = source_of_entrypoint(entrypoint, Path.cwd())
        plan = plan_of(name, work_pool_name or "", options)
        return cls(load_flow(source.entrypoint, source.root), source, plan)

    @property
    def name(self) -> str:
        """Its name."""
        return self.plan.name

    @property
    def flow_name(self) -> str:
        """The name of its flow."""
        return self.flow.name

    @property
    def full_name(self) -> str:
        """Its address: `flow/deployment`."""
        return f"{self.flow.name}/{self.plan.name}"

    @property
    def entrypoint(self) -> str:
        """Where its flow is in the project."""
        return self.source.entrypoint

    def apply(self, work_pool_name: str | None = None) -> UUID:
        """Make it, with the code of its project as it is now.

        Args:
            work_pool_name: Whose agents run it, where it does not say so itself.

        Returns:
            Its id.

        Raises:
            AlisioError: The project or an option cannot be used, or the server cannot be reached.
        """
        return deploy(self, work_pool_name=work_pool_name, print_next_steps=False)[0]

    async def aapply(self, work_pool_name: str | None = None) -> UUID:
        """Make it without blocking the event loop; see `apply`."""
        return await awaited(blocking(partial(self.apply, work_pool_name)))


def deploy(
    *deployments: RunnerDeployment,
    work_pool_name: str | None = None,
    image: str | None = None,
    build: bool = True,
    push: bool = True,
    print_next_steps: bool = True,
    ignore_warnings: bool = False,
) -> list[UUID]:
    """Make several deployments. A project that they share is sent once.

    Args:
        deployments: What `Flow.to_deployment` gives.
        work_pool_name: Whose agents run those that do not say so themselves.
        image: Of containers; it cannot be used yet.
        build: Whether to build the image; there is none.
        push: Whether to push it; there is none.
        print_next_steps: Whether to say what was made and how it is run.
        ignore_warnings: There are none.

    Returns:
        Their ids, in the same order.

    Raises:
        AlisioError: A project or an option cannot be used, or the server cannot be reached.
        ValueError: An option cannot be used.
    """
    from alisio.client import open_client
    from alisio.engine.entrypoints import is_loading

    refuse_others("deploy", deployments)
    if image:
        plan_of(deployments[0].name if deployments else "", "", {"image": image})
    if is_loading():
        raise ProjectError(
            "flows would be deployed whenever their file is loaded; put the call below `if __name__ == '__main__':`"
        )
    planned = [(each, _with_pool(each, work_pool_name)) for each in deployments]
    with open_client() as client:
        deployer = Deployer(client)
        ids = [deployer.deploy(each.flow, each.source, plan).id for each, plan in planned]
    if print_next_steps:
        for each, plan in planned:
            _say(f"deployed {each.full_name} to work pool {plan.work_pool_name}")
            _say(f"  run it with `alisio deployment run '{each.full_name}'`")
    return ids


async def adeploy(
    *deployments: RunnerDeployment,
    work_pool_name: str | None = None,
    image: str | None = None,
    build: bool = True,
    push: bool = True,
    print_next_steps: bool = True,
    ignore_warnings: bool = False,
) -> list[UUID]:
    """Make several deployments without blocking the event loop; see `deploy`."""
    made = partial(deploy, *deployments, work_pool_name=work_pool_name, image=image, print_next_steps=print_next_steps)
    return await awaited(blocking(made))


def refuse_others(function: str, deployments: Iterable[object]) -> None:
    """Refuse what is no deployment, such as a flow.

    Args:
        function: What was called.
        deployments: What it was given.

    Raises:
        ValueError: One of them is something else.
    """
    from alisio.flows import Flow

    for each in deployments:
        if not isinstance(each, RunnerDeployment):
            what = f"the flow {each.name!r}" if isinstance(each, Flow) else repr(each)
            raise ValueError(f"{function} takes what Flow.to_deployment(name=…) makes, not {what}")


def _with_pool(deployment: RunnerDeployment, work_pool_name: str | None) -> Plan:
    name = deployment.plan.work_pool_name or work_pool_name or _default_pool()
    if not name:
        raise ProjectError(f"deployment {deployment.full_name!r} names no work pool: give work_pool_name")
    return replace(deployment.plan, work_pool_name=name)


def _default_pool() -> str | None:
    import os

    return os.environ.get("ALISIO_DEFAULT_WORK_POOL_NAME")


def _say(line: str) -> None:
    import sys

    sys.stdout.write(f"{line}\n")
