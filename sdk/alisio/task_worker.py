"""Serving tasks: running those that `Task.delay` and `Task.apply_async` have asked for."""

from __future__ import annotations

import sys
from typing import Any

from alisio.tasks import Task

__all__ = ["serve"]


def serve(*tasks: Task[..., Any], limit: int | None = 10) -> None:
    """Run what is asked for of tasks from here, until ctrl+c or SIGTERM; then what was begun is waited for.

    Args:
        tasks: Which ones; each stands at the top of a module.
        limit: How many at once, of all together; None: as many as come.

    Raises:
        AlisioError: A task cannot be served, or no server can be reached or started.
        TypeError: What is given is no task.
        ValueError: No task is given, or the limit cannot be one.
    """
    from alisio.background import background_deployment
    from alisio.deployments.serving import serve as serve_deployments

    if not tasks:
        raise ValueError("serve needs tasks: give functions that have @task above them")
    for each in tasks:
        if not isinstance(each, Task):
            raise TypeError(f"serve needs tasks, not {each!r}: put @task above the function")
    deployments = [background_deployment(each) for each in tasks]
    sys.stdout.write(f"serving {', '.join(each.name for each in tasks)}: end with ctrl+c\n")
    sys.stdout.flush()
    serve_deployments(*deployments, limit=limit, pause_on_shutdown=False, print_starting_message=False)
