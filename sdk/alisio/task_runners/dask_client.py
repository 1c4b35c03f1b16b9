"""Dask clients for the code of flows and tasks: to compute collections on the cluster that runs the tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alisio.context import current_flow_run
from alisio.task_runners.dask import DaskTaskRunner

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def get_dask_client(timeout: float | str | timedelta | None = None, **client_kwargs: Any) -> Iterator[Client]:
    """Give a synchronous client, which is Dask's default one within the block.

    In a task on a Dask worker its thread is lent to other tasks of the cluster meanwhile. In a flow it is the client of
    its task runner. Elsewhere a client is made, and closed after the block.

    Args:
        timeout: How long to wait for the cluster, in seconds or as Dask says it (`"30s"`).
        client_kwargs: What a client is made with, where one is made.

    Yields:
        The client.
    """
    import distributed

    if _on_worker():
        with distributed.worker_client(timeout=timeout) as client:
            yield client
        return
    runner = _runner_here()
    if runner is not None and not client_kwargs:
        with runner.client.as_current():
            yield runner.client
        return
    with distributed.Client(_address_of(runner), **_options(timeout, client_kwargs)) as client:
        yield client


@asynccontextmanager
async def get_async_dask_client(
    timeout: float | str | timedelta | None = None, **client_kwargs: Any
) -> AsyncIterator[Client]:
    """Give an asynchronous client of the same cluster; it is closed after the block.

    Args:
        timeout: How long to wait for the cluster, in seconds or as Dask says it (`"30s"`).
        client_kwargs: What the client is made with.

    Yields:
        The client.
    """
    import distributed

    address = distributed.get_worker().scheduler.address if _on_worker() else _address_of(_runner_here())
    async with distributed.Client(address, asynchronous=True, **_options(timeout, client_kwargs)) as client:
        yield client


def _options(timeout: float | str | timedelta | None, client_kwargs: dict[str, Any]) -> dict[str, Any]:
    return client_kwargs if timeout is None else {**client_kwargs, "timeout": timeout}


def _on_worker() -> bool:
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def _runner_here() -> DaskTaskRunner | None:
    flow_run = current_flow_run.get()
    runner = None if flow_run is None else flow_run.task_runner
    return runner if isinstance(runner, DaskTaskRunner) else None


def _address_of(runner: DaskTaskRunner | None) -> str | None:
    return None if runner is None else str(runner.client.scheduler.address)
