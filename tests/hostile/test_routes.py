"""Every route, given what fits its description and what does not, answers as the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.backends import LaptopBackend

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
POOL, DEPLOYMENT = "pool", "deployment"
BLOCK_TYPE, BLOCK = "login", "door"
ROUTES = 43
"""How many there are at least: fewer would mean that the document was not read."""


class Known:
    """Things that exist, so that not every request ends with "there is no such thing"."""

    def __init__(self, api_url: str, headers: dict[str, str]) -> None:
        self._client = httpx.Client(base_url=api_url, headers=headers, timeout=30)
        self.path: dict[str, str] = {}

    def renew(self) -> None:
        """Make what an earlier request has removed."""
        self._client.post("/work-pools", json={"name": POOL})
        spec = {"flow_name": "flow", "name": DEPLOYMENT, "entrypoint": "f.py:f", "work_pool_name": POOL}
        schedules = [{"slug": "nightly", "cron": "0 3 * * *"}]
        deployment = self._post("/deployments", spec | {"schedules": schedules})
        run = self._post(f"/deployments/{deployment['id']}/runs", {})
        self.path = {
            "pool": POOL,
            "queue": "default",
            "deployment_id": deployment["id"],
            "flow_id": deployment["flow_id"],
            "flow_run_id": run["id"],
            "flow_name": "flow",
            "slug": "nightly",
            "type_slug": BLOCK_TYPE,
            "document_id": self._block()["id"],
            "agent_id": str(uuid4()),
            "key_id": self._post("/api-keys", {"name": f"key {uuid4()}", "role": "viewer"})["id"],
        }

    def name_on(self, path: str) -> str:
        """Tell which thing a path's `{name}` is the name of."""
        if "/block-documents/" in path:
            return BLOCK
        return DEPLOYMENT if "/deployments/" in path else POOL

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _block(self) -> Any:
        secret = {"properties": {"value": {"writeOnly": True}}}
        spec = {"name": BLOCK_TYPE, "block_schema": {"fields": secret}}
        answer = self._client.put(f"/block-types/{BLOCK_TYPE}", json=spec)
        assert answer.is_success, answer.text
        block = {"block_type_slug": BLOCK_TYPE, "name": BLOCK, "data": {"value": "x"}, "overwrite": True}
        return self._post("/block-documents", block)

    def _post(self, path: str, body: Any) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaptopBackend]:
    """An Alisio of this module: the first key that a case makes would close one that others use."""
    backend = LaptopBackend(tmp_path_factory.mktemp("closed"))
    backend.start()
    yield backend
    backend.stop()


@pytest.fixture(scope="module")
def headers(closed: LaptopBackend) -> dict[str, str]:
    """What lets a request in everywhere: a key of the role admin, the first one of the server."""
    answer = httpx.post(f"{closed.api_url}/api-keys", json={"name": "storm", "role": "admin"})
    return {"Authorization": f"Bearer {answer.json()['key']}"}


@pytest.fixture(scope="module")
def schema(closed: LaptopBackend) -> BaseSchema:
    """The OpenAPI document of a running server."""
    return schemathesis.openapi.from_url(f"{closed.api_url}/openapi.json")


@pytest.fixture
def known(closed: LaptopBackend, headers: dict[str, str]) -> Iterator[Known]:
    """Things that exist on that server."""
    known = Known(closed.api_url, headers)
    yield known
    known.close()


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_every_route_answers_as_documented(
    schema: BaseSchema, headers: dict[str, str], known: Known, mode: GenerationMode, cases: int
) -> None:
    """No request is answered with a fault of the server, nor with a status or a body that is not documented."""
    operations = [found.ok() for found in schema.get_all_operations()]
    assert ROUTES <= len(operations)
    each = max(1, cases // (2 * len(operations)))
    for operation in operations:
        known.renew()
        send_many(operation, mode, known, headers, each)


def send_many(operation: APIOperation, mode: GenerationMode, known: Known, headers: dict[str, str], count: int) -> None:
    """Send one route many requests, about half of them about things that exist."""

    @seed(20_000)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def send(case: Case, real: bool) -> None:
        if real:
            for name in case.path_parameters:
                case.path_parameters[name] = known.path.get(name) or known.name_on(operation.path)
        if operation.path.endswith("/wake-ups") and isinstance(case.body, dict):
            case.body["timeout_seconds"] = 0
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        send()
    except Unsatisfiable:
        # Nothing in a request for it can be unfitting: it takes names in its path, and these may be any text.
        assert mode is GenerationMode.NEGATIVE
        assert not operation.body
