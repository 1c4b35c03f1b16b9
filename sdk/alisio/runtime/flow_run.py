"""The flow run whose code this is. Every attribute is None where no flow runs.

id, name, flow_name, flow_version, parameters, tags, run_count, parent_flow_run_id, root_flow_run_id,
scheduled_start_time (the time of its schedule, which a late or a backfilled run keeps; in UTC)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alisio.context import current_flow_run

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun

_READERS: dict[str, Callable[[FlowRun], Any]] = {
    "id": lambda run: str(run.id),
    "name": lambda run: run.name,
    "flow_name": lambda run: run.definition.name,
    "flow_version": lambda run: run.definition.version,
    "parameters": lambda run: dict(run.parameters),
    "tags": lambda run: list(run.tags),
    "run_count": lambda run: run.run_count,
    "parent_flow_run_id": lambda run: str(run.parent.id) if run.parent is not None else None,
    "root_flow_run_id": lambda run: str(run.root.id),
    "scheduled_start_time": lambda run: run.scheduled_start_time,
}


def __getattr__(name: str) -> Any:
    if name not in _READERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    run = current_flow_run.get()
    return None if run is None else _READERS[name](run)


def __dir__() -> list[str]:
    return sorted(_READERS)
