"""The public clients have a method for each route that people use."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from alisio.client.operations import Operation
from alisio.client.orchestration import AlisioClient, SyncAlisioClient
from alisio.client.schemas.actions import DeploymentUpdate
from alisio.states import Cancelling

OPENAPI = Path(__file__).parents[3] / "docs" / "openapi.json"
ID = UUID("0199c5a0-0000-7000-8000-000000000000")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BODY: Any = SimpleNamespace(overwrite=True, name=None, id=ID)
"""Stands for any request: these calls are made and not sent."""

OTHERS = {
    "PUT /agents/{agent_id}": "agents tell that they live",
    "POST /bundles": "deploying sends code",
    "PUT /artifact-data/{data_id}/content": "uploading sends large data, after it was announced",
    "PUT /bundles/{sha256}/content": "deploying sends code",
    "GET /bundles/{sha256}/content": "agents fetch code",
    "PUT /concurrency-leases/{lease_id}": "alisio.concurrency takes slots",
    "POST /concurrency-leases/{lease_id}/renew": "alisio.concurrency keeps slots",
    "DELETE /concurrency-leases/{lease_id}": "alisio.concurrency gives slots back",
    "POST /flow-runs/{flow_run_id}/pauses": "executors stand at pauses",
    "POST /flow-runs/{flow_run_id}/reports": "executors report",
    "POST /flow-runs/{flow_run_id}/start-failures": "agents tell what did not start",
    "POST /work-pools/{name}/claims": "agents take runs",
    "GET /work-pools/{name}/wake-ups": "agents hear of work",
    "POST /work-pools/{name}/wake-ups": "agents hear of work",
}
"""The routes that agents, executors and other parts of the SDK use, and for what. Clients have no method for them."""

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "create_flow_run_from_deployment": (ID,),
    "read_flow_by_name": ("f",),
    "get_scheduled_flow_runs_for_work_pool": ("pool",),
    "create_flow_run_input": (ID, BODY),
    "delete_flow_run_input": (ID, "key"),
    "filter_flow_run_input": (ID, "key"),
    "read_flow_run_history": (NOON, NOON, 60),
    "set_flow_run_state": (ID, Cancelling()),
    "create_deployment": (BODY,),
    "backfill_deployment": (ID, BODY),
    "update_deployment": (ID, DeploymentUpdate(paused=True)),
    "create_concurrency_limit": ("tag", 1),
    "read_concurrency_limit_by_tag": ("tag",),
    "reset_concurrency_limit_by_tag": ("tag",),
    "delete_concurrency_limit_by_tag": ("tag",),
    "read_deployment_by_name": ("f/d",),
    "update_deployment_schedule": (ID, "daily", True),
    "update_work_pool": ("pool", BODY),
    "create_work_queue": ("pool", BODY),
    "read_work_queue": ("pool", "queue"),
    "update_work_queue": ("pool", "queue", BODY),
    "delete_work_queue": ("pool", "queue"),
    "update_global_concurrency_limit": ("limit", BODY),
    "update_variable": ("name", 1),
    "update_artifact": (ID, BODY),
    "upload_artifact_data": ([],),
    "register_block_type": ("slug", BODY),
    "update_block_document": (ID, BODY),
    "read_block_document_by_name": ("name", "slug"),
}
"""What methods are called with that are not called with nothing, with an id, or with a body."""

SECRETS = ("read_block_document", "read_block_document_by_name")


def operations() -> dict[str, Operation[Any, Any]]:
    """Give each method that both clients have for the API, by its name."""
    found = {name: getattr(SyncAlisioClient, name) for name in dir(SyncAlisioClient)}
    return {name: each for name, each in found.items() if isinstance(each, Operation)}


def first_call(name: str, **options: Any) -> str:
    """Tell which route a method asks first."""
    one = BODY if name.startswith(("create_", "delete_assets")) else ID
    for arguments in [ARGUMENTS[name]] if name in ARGUMENTS else [(), (one,)]:
        try:
            call = next(operations()[name].core(*arguments, **options))
        except TypeError:
            continue
        return f"{call.method} {call.path}"
    raise AssertionError(f"say in ARGUMENTS what {name} is called with")


def documented() -> list[str]:
    """Give each route of the API."""
    paths = json.loads(OPENAPI.read_text())["paths"]
    return [f"{method.upper()} {path.removeprefix('/api')}" for path, methods in paths.items() for method in methods]


@pytest.fixture(scope="module")
def asked() -> set[str]:
    """What all methods ask first."""
    plain = {first_call(name) for name in operations() if name != "delete_flow_runs"}
    return (
        plain
        | {first_call("delete_flow_runs", flow_run_filter=None)}
        | {first_call(name, include_secrets=True) for name in SECRETS}
    )


@pytest.mark.parametrize("route", documented())
def test_route(route: str, asked: set[str]) -> None:
    """It has a method, or is for others than people, and never both."""
    place = re.compile(re.sub(r"\{\w+\}", "[^/]+", route.replace(".", r"\.")) + "$")
    has_method = any(place.match(call) for call in asked)
    assert has_method != (route in OTHERS), route


def test_the_others_are_routes() -> None:
    """No route is excused that there is not."""
    assert [] == [route for route in OTHERS if route not in documented()]


def test_both_clients_have_the_same_methods() -> None:
    """With signatures and docstrings for those who look them up."""
    for name, each in operations().items():
        assert each is getattr(AlisioClient, name)
        assert each.__doc__, name
        assert getattr(SyncAlisioClient(), name).__name__, name
