"""The deployment whose run this code belongs to. Where it is of none its attributes are None, or `{}`.

id, name, flow_run_id,
version (the server is asked for it),
parameters (those that the run was created with: the deployment's, with those of the request laid over them)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from alisio.context import current_flow_run
from alisio.runtime.answers import Answer, answer, read_object

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun


def _version_of(run: FlowRun) -> str | None:
    deployment_id = run.root.job.get("deployment_id")
    return None if deployment_id is None else _read_version(deployment_id)


@lru_cache(maxsize=16)  # one process runs the code of one version, whatever is deployed meanwhile
def _read_version(deployment_id: str) -> str | None:
    from uuid import UUID

    from alisio.client.shared import shared_client

    return shared_client().read_deployment(UUID(deployment_id)).version


_ANSWERS: dict[str, Answer[FlowRun]] = {
    "id": Answer(lambda run: run.root.job.get("deployment_id")),
    "name": Answer(lambda run: run.root.job.get("deployment_name")),
    "version": Answer(_version_of),
    "flow_run_id": Answer(lambda run: str(run.id)),
    "parameters": Answer(lambda run: dict(run.root.job.get("parameters") or {}), dict, read_object),
}


def __getattr__(name: str) -> Any:
    return answer("deployment", name, _ANSWERS, current_flow_run.get())


def __dir__() -> list[str]:
    return sorted(_ANSWERS)
