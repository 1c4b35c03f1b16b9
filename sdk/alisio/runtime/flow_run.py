"""The flow run whose code this is. Where no flow runs its attributes are empty: None, 0, `[]` or `{}`.

id, name, flow_name, flow_version, parameters, tags, run_count, parent_flow_run_id, parent_deployment_id,
root_flow_run_id, job_variables, api_url,
scheduled_start_time (the time of its schedule, which a late or a backfilled run keeps; in UTC; where no flow runs: now)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alisio.context import current_flow_run
from alisio.runtime.answers import Answer, address_of, answer, read_object, read_tags, read_time

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun


def _parent_flow_run_id(run: FlowRun) -> str | None:
    """Give the run that called it, or, where it was asked for by `run_deployment`, the one whose code has asked."""
    if run.parent is not None:
        return str(run.parent.id)
    return _read(str(run.id), "parent_flow_run_id") if run.supervised else None


def _parent_deployment_id(run: FlowRun) -> str | None:
    """Give the deployment whose run has called it."""
    if run.parent is not None:
        return run.root.job.get("deployment_id")
    parent = _parent_flow_run_id(run)
    return None if parent is None else _read(parent, "deployment_id")


def _read(flow_run_id: str, field: str) -> str | None:
    from uuid import UUID

    from alisio.client.shared import shared_client

    value = getattr(shared_client().read_flow_run(UUID(flow_run_id)), field)
    return None if value is None else str(value)


_ANSWERS: dict[str, Answer[FlowRun]] = {
    "id": Answer(lambda run: str(run.id)),
    "name": Answer(lambda run: run.name),
    "flow_name": Answer(lambda run: run.definition.name),
    "flow_version": Answer(lambda run: run.definition.version),
    "parameters": Answer(lambda run: dict(run.parameters), dict, read_object),
    "tags": Answer(lambda run: list(run.tags), list, read_tags),
    "run_count": Answer(lambda run: run.run_count, int, int),
    "parent_flow_run_id": Answer(_parent_flow_run_id),
    "parent_deployment_id": Answer(_parent_deployment_id),
    "root_flow_run_id": Answer(lambda run: str(run.root.id)),
    "scheduled_start_time": Answer(lambda run: run.scheduled_start_time, lambda: datetime.now(UTC), read_time),
    "job_variables": Answer(lambda run: run.root.job.get("job_variables"), read=read_object),
    "api_url": Answer(lambda run: address_of(f"flow-runs/{run.id}")),
}


def __getattr__(name: str) -> Any:
    return answer("flow_run", name, _ANSWERS, current_flow_run.get())


def __dir__() -> list[str]:
    return sorted(_ANSWERS)
