"""Serving tasks: running those that `Task.delay` and `Task.apply_async` have asked for."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from alisio.tasks import Task

if TYPE_CHECKING:
    from alisio.deployments.runner import RunnerDeployment

__all__ = ["aserve", "serve"]

_MARGIN_SECONDS = 3_600.0
"""How far the clock of the server may be from that of the store, when runs are looked for by their age."""


def serve(*tasks: Task[..., Any], limit: int | None = 10, timeout: float | None = None) -> None:
    """Run what is asked for of tasks from here, until ctrl+c or SIGTERM; then what was begun is waited for.

    Args:
        tasks: Which ones; each stands at the top of a module.
        limit: How many at once, of all together; None: as many as come.
        timeout: After how many seconds to end, as after ctrl+c; None: never.

    Raises:
        AlisioError: A task cannot be served, or no server can be reached or started.
        TypeError: What is given is no task.
        ValueError: No task is given, or the limit or the timeout cannot be one.
    """
    from alisio.deployments.serving import serve as serve_deployments

    if timeout is not None:
        asyncio.run(aserve(*tasks, limit=limit, timeout=timeout))
        return
    serve_deployments(*_prepared(tasks, None), limit=limit, pause_on_shutdown=False, print_starting_message=False)


async def aserve(*tasks: Task[..., Any], limit: int | None = 10, timeout: float | None = None) -> None:
    """Do what `serve` does, in a thread beside the event loop. Cancelled, it ends in order as it does at ctrl+c."""
    from alisio.deployments.serving import aserve as serve_deployments

    deployments = _prepared(tasks, timeout)
    try:
        async with asyncio.timeout(timeout) as until:
            await serve_deployments(*deployments, limit=limit, pause_on_shutdown=False, print_starting_message=False)
    except TimeoutError:
        if not until.expired():
            raise


def _prepared(tasks: tuple[Task[..., Any], ...], timeout: float | None) -> list[RunnerDeployment]:
    """Look at what is to be served, tell of it, and remove what is kept of runs that are long over."""
    from alisio.background import background_deployment
    from alisio.settings import current_settings

    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}; None: never")
    if not tasks:
        raise ValueError("serve needs tasks: give functions that have @task above them")
    for each in tasks:
        if not isinstance(each, Task):
            raise TypeError(f"serve needs tasks, not {each!r}: put @task above the function")
    deployments = [background_deployment(each) for each in tasks]
    if (kept := current_settings().retention_flow_runs) is not None:
        _forget_before(time.time() - kept)
    sys.stdout.write(f"serving {', '.join(each.name for each in tasks)}: end with ctrl+c\n")
    sys.stdout.flush()
    return deployments


def _forget_before(instant: float) -> None:
    from alisio.exceptions import ApiError, ApiUnreachableError
    from alisio.results.background import forget_before

    with suppress(ApiError, ApiUnreachableError):  # then nobody can say what is needed: the next worker asks again
        forget_before(instant, partial(_needed_keys, instant + _MARGIN_SECONDS))


def _needed_keys(asked_before: float) -> set[str]:
    """Give the keys of the arguments of runs that have not ended, of those that were asked for before an instant."""
    from alisio.client import open_client
    from alisio.contract.runs import FlowRunFilter, FlowRunQuery
    from alisio.contract.states import TERMINAL, StateType

    live = [each for each in StateType if each not in TERMINAL]
    which = FlowRunFilter(state_types=live, created_before=datetime.fromtimestamp(asked_before, UTC))
    keys: set[str] = set()
    cursor = None
    with closing(open_client()) as client:
        while True:
            page = client.filter_flow_runs(FlowRunQuery(filter=which, cursor=cursor))
            keys.update(str(run.parameters.get("arguments")) for run in page.items)
            if (cursor := page.next_cursor) is None:
                return keys
