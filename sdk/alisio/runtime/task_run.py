"""The task run whose code this is. Every attribute is None where no task runs.

id, name, task_name, parameters, tags, run_count
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alisio.context import current_task_run

if TYPE_CHECKING:
    from alisio.engine.runs import TaskRun

_READERS: dict[str, Callable[[TaskRun], Any]] = {
    "id": lambda run: str(run.id),
    "name": lambda run: run.name,
    "task_name": lambda run: run.definition.name,
    "parameters": lambda run: dict(run.parameters),
    "tags": lambda run: list(run.tags),
    "run_count": lambda run: run.run_count,
}


def __getattr__(name: str) -> Any:
    if name not in _READERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    run = current_task_run.get()
    return None if run is None else _READERS[name](run)


def __dir__() -> list[str]:
    return sorted(_READERS)
