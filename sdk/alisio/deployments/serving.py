"""Serving flows: their deployments, and an agent for them in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from alisio.client import Client
from alisio.client.discovery import find_server
from alisio.contract.deployments import DeploymentSpec
from alisio.contract.work_pools import WorkPoolCreate, WorkQueueCreate
from alisio.deployments.deploying import apply, spec_of
from alisio.deployments.failures import ProjectError
from alisio.deployments.runner import RunnerDeployment, refuse_others
from alisio.exceptions import AlisioError, ApiError, ConflictError, NotFoundError
from alisio.settings import Settings, current_settings

POOL = "served"
"""The work pool of deployments that are served. Each has a work queue of its own there, which only who serves it takes
runs from."""

DRAIN_SECONDS = 24 * 3_600
"""How long what runs is waited for after ctrl+c; a second one ends the waiting."""


def serve(
    *deployments: RunnerDeployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
) -> None:
    """Make deployments, and run their runs from here until ctrl+c or SIGTERM.

    The runs use the code as it lies here. Where no server runs, one runs as long as this does. Told to end, it takes no
    more runs, and waits for those that it has begun; a second ctrl+c ends it at once, and they go on without it.

    Args:
        deployments: What `Flow.to_deployment` gives.
        pause_on_shutdown: Whether their schedules wait after the end, until they are served again.
        print_starting_message: Whether to say how they are run.
        limit: How many runs at once, of all together; None: as many as come.

    Raises:
        AlisioError: A flow or an option cannot be used, or no server can be reached or started.
        ValueError: An option cannot be used.
    """
    _serve(deployments, pause_on_shutdown, print_starting_message, limit, None)


async def aserve(
    *deployments: RunnerDeployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
) -> None:
    """Do what `serve` does, in a thread beside the event loop. Cancelled, it ends in order as it does at ctrl+c."""
    from alisio.deployments.stopping import Stopper

    stopper = Stopper(asyncio.get_running_loop())
    served = asyncio.ensure_future(
        asyncio.to_thread(_serve, deployments, pause_on_shutdown, print_starting_message, limit, stopper.begin)
    )
    try:
        await asyncio.shield(served)
    except asyncio.CancelledError:
        stopper.stop()
        await served
        raise
    finally:
        stopper.end()


def _serve(
    deployments: tuple[RunnerDeployment, ...],
    pause_on_shutdown: bool,
    print_starting_message: bool,
    limit: int | None,
    stopped_by: Callable[[Any], object] | None,
) -> None:
    from alisio.engine.entrypoints import is_loading

    if is_loading():
        raise ProjectError(
            "flows would be served whenever their file is loaded; put the call below `if __name__ == '__main__':`"
        )
    if not deployments:
        raise ValueError("serve needs deployments: give what Flow.to_deployment makes")
    refuse_others("serve", deployments)
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit must be a number from 1 on, not {limit!r}")
    settings = current_settings()
    with _server(settings) as api_url, Client.over_http(api_url, settings.api_key) as client:
        for each in deployments:
            tell_of_other_folder(client, each)
        ids = register(client, deployments)
        if print_starting_message:
            _greet(deployments)
        agent = import_module("alisio_agent.agent")  # by name: the agent imports the SDK, and not the other way round
        options = agent.AgentOptions(
            work_pool_name=POOL,
            queues=tuple(dict.fromkeys(_queue_of(each) for each in deployments)),
            limit=limit,
            drain_seconds=DRAIN_SECONDS,
        )
        agent.run_agent(
            options, on_stop=lambda: _pause(client, ids) if pause_on_shutdown else None, stopped_by=stopped_by
        )


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    """Find the server, or run one as long as this block."""
    url = find_server(settings)
    if url is not None:
        yield url
        return
    from alisio.cli.server_process import ServerPlace, run_in_background

    place = ServerPlace(settings.server_api_host, settings.server_api_port)
    record, _ = run_in_background(settings, place)
    try:
        yield record.url
    finally:
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)


def tell_of_other_folder(client: Client, deployment: RunnerDeployment) -> None:
    """Say so where runs that another folder of this machine has executed are executed here from now on."""
    try:
        before = client.read_deployment_by_name(deployment.flow_name, deployment.name).path
    except NotFoundError:
        return
    here = deployment.source.root.resolve()
    if before is not None and Path(before) != here and Path(before).is_dir():
        sys.stderr.write(
            f"alisio: {deployment.full_name} was served from {before}, and its runs use {here} from now on; "
            "two projects need different names\n"
        )


def register(client: Client, deployments: tuple[RunnerDeployment, ...]) -> list[UUID]:
    """Make deployments whose runs wait for who serves them, with the pool and the queues that are missing.

    Returns:
        Their ids, in the same order.

    Raises:
        ProjectError: The role of the API key does not allow it, and one of them is not there as it would be made.
    """
    with suppress(ConflictError):  # it is there already
        _ensure_pool(client)
    ids = []
    for each in deployments:
        queue = _queue_of(each)
        # Unless it is said otherwise, what its last end has paused goes on.
        plan = replace(each.plan, work_pool_name=POOL, work_queue_name=queue, paused=bool(each.plan.paused))
        spec = spec_of(each.flow, each.source, plan, path=str(each.source.root.resolve()))
        try:
            _ensure_queue(client, queue)
            ids.append(apply(client, spec, plan.paused).id)
        except ApiError as error:
            if error.status != 403:
                raise
            ids.append(_as_it_would_be(client, spec, plan.paused, error))
    return ids


def _ensure_queue(client: Client, queue: str) -> None:
    try:
        client.read_work_queue(POOL, queue)
    except NotFoundError:
        with suppress(ConflictError):  # somebody else has made it meanwhile
            client.create_work_queue(POOL, WorkQueueCreate(name=queue))


def _as_it_would_be(client: Client, spec: DeploymentSpec, paused: bool | None, refusal: ApiError) -> UUID:
    """Find the deployment that somebody who may has made just like this: then nothing is to be changed."""
    address = f"{spec.flow_name}/{spec.name}"
    wanted = {**spec.model_dump(exclude={"schedules"}), "paused": paused}
    with suppress(NotFoundError):
        found = client.read_deployment_by_name(spec.flow_name, spec.name)
        others = [name for name, value in wanted.items() if getattr(found, name) != value]
        if spec.schedules is None and not others:
            return found.id
        raise ProjectError(
            f"deployment {address!r} has other {', '.join(others) or 'schedules'}, and this API key may not change it: "
            "serve it once as it is now with a key of the role admin"
        ) from refusal
    raise ProjectError(
        f"deployment {address!r} was never served, and this API key may not make it: serve it once with a key of the "
        "role admin"
    ) from refusal


def _ensure_pool(client: Client) -> None:
    try:
        client.read_work_pool(POOL)
    except NotFoundError:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, description="Flows that are served"))
        except ApiError as error:
            if error.status != 403:
                raise
            raise ProjectError(
                f"serving needs the work pool {POOL!r}, which an admin makes: `alisio work-pool create {POOL}`"
            ) from error


def _queue_of(deployment: RunnerDeployment) -> str:
    return f"{deployment.flow_name} {deployment.name}"[:200]


def _pause(client: Client, ids: list[UUID]) -> None:
    for deployment_id in ids:
        try:
            client.pause_deployment(deployment_id)
        except AlisioError as error:
            sys.stderr.write(f"alisio: the schedules of deployment {deployment_id} could not be paused: {error}\n")


def _greet(deployments: tuple[RunnerDeployment, ...]) -> None:
    for each in deployments:
        sys.stdout.write(f"serving {each.full_name}: run it with `alisio deployment run '{each.full_name}'`\n")
    sys.stdout.write("end with ctrl+c\n")
    sys.stdout.flush()
