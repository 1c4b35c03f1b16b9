"""Every route of the OpenAPI document with every role and with none, against the table that docs/security.md shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.access import Role
from alisio.contract.ids import new_id
from alisio_server.access.table import render
from alisio_server.app import openapi_json
from tests.integration.access.conftest import Door

DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"
SPEC = json.loads(openapi_json())
OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (method.upper(), path, operation)
    for path, methods in SPEC["paths"].items()
    for method, operation in methods.items()
]
PUBLIC = {"get_health", "get_version"}


def documented() -> dict[str, set[str]]:
    """Read the table: which roles may do which operation."""
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    heading, _, *rows = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines)
    assert ["what", "viewer", "agent", "deployer", "admin", "operations"] == heading
    return {
        action: {role for role, mark in zip(heading[1:-1], row[1:-1], strict=True) if mark == "yes"}
        for row in rows
        for action in re.findall(r"`(\w+)`", row[-1])
    }


TABLE = documented()


def asked(path: str, operation: dict[str, Any]) -> str:
    """Fill in the parameters of a path with things that there are not."""

    def value(match: re.Match[str]) -> str:
        schema = next(item["schema"] for item in operation["parameters"] if item["name"] == match[1])
        if schema.get("pattern"):
            return "0" * 64
        return str(new_id()) if schema.get("format") == "uuid" else "nothing"

    return re.sub(r"{(\w+)}", value, path)


@pytest.fixture
def keys(door: Door) -> dict[str, str]:
    """A key of each role."""
    return {role: door.new_key(role, role).text for role in (Role.ADMIN, Role.VIEWER, Role.AGENT, Role.DEPLOYER)}


def walk(door: Door, key: str | None) -> Iterator[tuple[str, int, Any]]:
    """Ask every operation of the document."""
    for method, path, operation in OPERATIONS:
        answer = door.ask(method, asked(path, operation), {} if method != "GET" else None, key=key)
        assert str(answer.status) in operation["responses"], (operation["operationId"], answer)
        yield operation["operationId"], answer.status, answer.body


def test_the_table_is_that_of_the_routes() -> None:
    """`python -m alisio_server.access.table` renews it; each operation of the API is in it."""
    assert render() in DOCUMENT.read_text(encoding="utf-8")
    assert {operation["operationId"] for _, _, operation in OPERATIONS} == TABLE.keys()


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_do_what_the_table_says(door: Door, keys: dict[str, str], role: Role) -> None:
    """What it may not is refused before anything else is looked at, and in one line that names the role."""
    for action, status, body in walk(door, keys[role]):
        assert 401 != status, action
        assert (role in TABLE[action]) == (403 != status), action
        if status == 403:
            assert ("forbidden", "the role " + role in body["message"]) == (body["code"], True)


def test_nothing_is_done_without_a_key(door: Door, keys: dict[str, str]) -> None:
    """But for the health and the version, which say nothing about anybody."""
    refused = {action for action, status, _ in walk(door, None) if status == 401}

    assert TABLE.keys() - PUBLIC == refused


def test_nothing_is_done_with_a_key_that_is_none(door: Door, keys: dict[str, str]) -> None:
    """A wrong key opens no more than no key does, not even for being asked often."""
    statuses = {action: status for action, status, _ in walk(door, "alisio_" + "0" * 32 + "_" + "x" * 43)}

    assert {401, 429} == {status for action, status in statuses.items() if action not in PUBLIC}
    assert all(statuses[action] == 200 for action in PUBLIC)


@pytest.mark.parametrize("path", ["/", "/docs", "/api/openapi.json"])
def test_the_description_of_the_api_is_for_all(door: Door, keys: dict[str, str], path: str) -> None:
    """It is the same everywhere, and says nothing of this server."""
    assert door.ask("GET", path).status in (200, 307)


@pytest.mark.parametrize("path", ["/api/nothing", "/api/flows/", "/api//health", "/api/health/", "/api/HEALTH"])
def test_what_is_no_route_is_not_told_from_one(door: Door, keys: dict[str, str], path: str) -> None:
    """Without a key, what there is cannot be told from what there is not."""
    assert 401 == door.ask("GET", path).status


@pytest.mark.parametrize("method", ["post", "Post", "HEAD", "OPTIONS", "TRACE"])
def test_odd_methods_open_nothing(door: Door, keys: dict[str, str], method: str) -> None:
    """A method in other letters is the same method, and one that no route has reaches none."""
    assert 401 == door.ask(method, "/api/work-pools", {"name": "pool"}).status
    assert 200 != door.ask(method, "/api/work-pools", {"name": "pool"}, key=keys[Role.VIEWER]).status
    assert [] == door.ask("GET", "/api/work-pools", key=keys[Role.ADMIN]).body["items"]


def test_the_document_says_where_a_key_is_wanted() -> None:
    """The security scheme is a bearer token, of all routes but the public ones."""
    assert "bearer" == SPEC["components"]["securitySchemes"]["ApiKey"]["scheme"]
    wanting = {operation["operationId"] for _, _, operation in OPERATIONS if operation.get("security")}
    assert TABLE.keys() - PUBLIC == wanting
