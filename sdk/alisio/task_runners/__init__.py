"""Task runners: how a flow runs the tasks that it submits. Each is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.task_runners.base import TaskRunner
    from alisio.task_runners.dask import DaskTaskRunner
    from alisio.task_runners.processes import ProcessPoolTaskRunner
    from alisio.task_runners.ray import RayTaskRunner
    from alisio.task_runners.sequential import SequentialTaskRunner
    from alisio.task_runners.threads import ConcurrentTaskRunner, ThreadPoolTaskRunner

__all__ = [
    "ConcurrentTaskRunner",
    "DaskTaskRunner",
    "ProcessPoolTaskRunner",
    "RayTaskRunner",
    "SequentialTaskRunner",
    "TaskRunner",
    "ThreadPoolTaskRunner",
]

_HOMES = {
    "ConcurrentTaskRunner": "threads",
    "DaskTaskRunner": "dask",
    "ProcessPoolTaskRunner": "processes",
    "RayTaskRunner": "ray",
    "SequentialTaskRunner": "sequential",
    "TaskRunner": "base",
    "ThreadPoolTaskRunner": "threads",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
