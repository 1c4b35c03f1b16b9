"""The methods of flows that make deployments; what they need is imported when they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from alisio.deployments.deploying import Source
    from alisio.deployments.options import DeploymentOptions
    from alisio.deployments.runner import RunnerDeployment
    from alisio.flows import Flow
    from alisio.runner.storage import RunnerStorage


class DeploymentMethods:
    """What a flow can do about deployments.

    Attributes:
        source: Where its code lies, where `from_source` has loaded it; None: where its function was defined.
    """

    source: Source | None = None

    def to_deployment(
        self: Any, name: str, *, work_pool_name: str | None = None, **options: Unpack[DeploymentOptions]
    ) -> RunnerDeployment:
        """Describe a deployment of the flow, for `deploy` and `serve`.

        Args:
            name: Its name; one of that name is replaced.
            work_pool_name: Whose agents run it.
            options: See `DeploymentOptions`.

        Raises:
            ProjectError: The flow's code cannot be found, or a schedule cannot be used.
            TypeError: There is no such option.
            ValueError: An option cannot be used.
        """
        from alisio.deployments.runner import RunnerDeployment

        return RunnerDeployment.from_flow(self, name, work_pool_name, **options)

    async def ato_deployment(
        self: Any, name: str, *, work_pool_name: str | None = None, **options: Unpack[DeploymentOptions]
    ) -> RunnerDeployment:
        """Describe a deployment of the flow without blocking the event loop; see `to_deployment`."""
        return cast(
            "RunnerDeployment", await _beside(self.to_deployment, name, work_pool_name=work_pool_name, **options)
        )

    def deploy(
        self: Any,
        name: str,
        work_pool_name: str | None = None,
        *,
        image: str | None = None,
        build: bool = True,
        push: bool = True,
        print_next_steps: bool = True,
        ignore_warnings: bool = False,
        **options: Unpack[DeploymentOptions],
    ) -> UUID:
        """Make the flow ready to be run by agents, with the code of its project as it is now.

        Args:
            name: Of the deployment; one of that name is replaced.
            work_pool_name: Whose agents run it; by default what `ALISIO_DEFAULT_WORK_POOL_NAME` says.
            image: Of containers; it cannot be used yet.
            build: Whether to build the image; there is none.
            push: Whether to push it; there is none.
            print_next_steps: Whether to say what was made and how it is run.
            ignore_warnings: There are none.
            options: See `DeploymentOptions`.

        Returns:
            The deployment's id.

        Raises:
            AlisioError: The project, the flow or an option cannot be used, or the server cannot be reached.
            TypeError: There is no such option.
            ValueError: An option cannot be used.
        """
        from alisio.deployments.runner import deploy

        described = self.to_deployment(name, work_pool_name=work_pool_name, **options)
        return deploy(described, image=image, build=build, push=push, print_next_steps=print_next_steps)[0]

    async def adeploy(
        self: Any,
        name: str,
        work_pool_name: str | None = None,
        *,
        image: str | None = None,
        build: bool = True,
        push: bool = True,
        print_next_steps: bool = True,
        ignore_warnings: bool = False,
        **options: Unpack[DeploymentOptions],
    ) -> UUID:
        """Make the flow ready to be run by agents without blocking the event loop; see `deploy`."""
        made = await _beside(
            self.deploy, name, work_pool_name, image=image, print_next_steps=print_next_steps, **options
        )
        return cast("UUID", made)

    def serve(
        self: Any,
        name: str | None = None,
        *,
        limit: int | None = None,
        pause_on_shutdown: bool = True,
        print_starting_message: bool = True,
        webserver: bool = False,
        **options: Unpack[DeploymentOptions],
    ) -> None:
        """Make a deployment of the flow, and run its runs from here until ctrl+c; see `alisio.serve`.

        Args:
            name: The deployment's; by default the flow's.
            limit: How many runs at once; None: as many as come.
            pause_on_shutdown: Whether its schedules wait after the end.
            print_starting_message: Whether to say how it is run.
            webserver: A health check of its own; it cannot be used: `alisio agent ls` tells.
            options: See `DeploymentOptions`.

        Raises:
            AlisioError: The flow or an option cannot be used, or no server can be reached or started.
            TypeError: There is no such option.
            ValueError: An option cannot be used.
        """
        from alisio.deployments.serving import serve

        if webserver:
            raise ValueError("webserver cannot be used: the API knows how the agent is, see `alisio agent ls`")
        described = self.to_deployment(name or self.name, **options)
        serve(
            described,
            limit=limit,
            pause_on_shutdown=pause_on_shutdown,
            print_starting_message=print_starting_message,
        )

    @staticmethod
    def from_source(source: str | Path | RunnerStorage, entrypoint: str) -> Flow[..., Any]:
        """Load a flow from a folder or a Git repository, to deploy or serve it with the code that is there.

        Args:
            source: A folder; the address of a repository, which is cloned; or a `GitRepository` of
                `alisio.runner.storage`, where a branch, a commit or credentials are to be given.
            entrypoint: `path/to/file.py:function`, relative to the source.

        Returns:
            The flow.

        Raises:
            ProjectError: There is no such folder or file, or the repository cannot be fetched.
            EntrypointError: The flow cannot be loaded.
        """
        from alisio.runner.storage import load_from_source

        return load_from_source(source, entrypoint)

    @staticmethod
    async def afrom_source(source: str | Path | RunnerStorage, entrypoint: str) -> Flow[..., Any]:
        """Load a flow from a folder or a Git repository without blocking the event loop; see `from_source`."""
        from alisio.runner.storage import load_from_source

        return cast("Flow[..., Any]", await _beside(load_from_source, source, entrypoint))


async def _beside(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function in a thread."""
    import asyncio

    return await asyncio.to_thread(function, *args, **options)
