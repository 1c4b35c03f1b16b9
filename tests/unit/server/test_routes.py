"""The routes, asked without a network: what they answer to good input and to bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from alisio.contract.ids import new_id
from alisio_server.app import docs_page, openapi_json
from alisio_server.database.queries import flows
from alisio_server.embedded import Backend
from alisio_server.openapi import render

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"
SPEC = json.loads(openapi_json())
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in SPEC["paths"].items()
    for method, operation in methods.items()
]
NAMES = [operation["operationId"] for _, _, operation in OPERATIONS]
ODD_BODIES: list[Any] = [
    {},
    {"name": ""},
    {"name": None},
    {"name": "x" * 300},
    {"name": "a/b"},
    {"unknown": 1},
    {"filter": []},
    {"filter": {"ids": ["x"]}},
    {"limit": 10**6},
    {"limit": -1},
    {"cursor": "x"},
    {"cursor": 7},
    {"attempt": 10**30, "sequence": 1, "origin": "script"},
    {"attempt": 1, "sequence": 10**30, "origin": "script", "facts": {"flow_name": "x"}},
    {"slots": 10**9, "claim_id": str(new_id()), "agent_id": str(new_id())},
    {"sha256": "0" * 64, "size": -1},
    {"parameters": {"a": {"b": [1, 2.5, None, "\u0000", "\ud800"]}}},
    {"due": "9999-12-31T23:59:59Z"},
    {"due": "yesterday"},
    {"name": "agent", "work_pool_name": "none", "host": "h", "pid": 10**30, "version": "1"},
]


def ask(backend: Backend, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    """Ask the API; returns the status, and the body read as JSON where it is that."""
    content = b"" if body is None else json.dumps(body).encode()
    status, headers, answer = backend.handle(method, path, query, {"content-type": "application/json"}, content)
    is_json = headers.get("content-type") == "application/json"
    return status, json.loads(answer) if is_json else answer


def test_document_is_the_committed_one() -> None:
    """docs/openapi.json is what the routes say: `python -m alisio_server.openapi > docs/openapi.json` renews it."""
    assert DOCUMENT.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_route_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    """Each route has a summary, one tag, an answer, and its errors with the body `ErrorBody`."""
    answers = operation["responses"]
    errors = {status: answer for status, answer in answers.items() if status >= "400"}

    assert 1 == len(operation["tags"])
    assert operation["summary"] and method not in operation["summary"]
    assert {"400", "422", "500", "503"} <= errors.keys() and len(answers) > len(errors)
    for answer in errors.values():
        schema = answer["content"]["application/json"]["schema"]
        assert {"$ref": "#/components/schemas/ErrorBody"} == schema


def test_operation_ids_are_unique() -> None:
    """Generated clients need one name a route."""
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_odd_input_is_never_a_fault_of_the_server(
    backend: Backend, method: str, path: str, operation: dict[str, Any]
) -> None:
    """Whatever body a route gets, it answers below 500, and errors carry code and message."""
    bodies = ODD_BODIES if "requestBody" in operation else [None]
    for value in (str(new_id()), "x", "%00", "%F0%9F%98%80", "a%20b%22%27", "0" * 64):
        place = path
        for parameter in operation.get("parameters", []):
            place = place.replace(f"{{{parameter['name']}}}", value)
        for body in bodies:
            status, answer = ask(backend, method, place, body, work_pool_name="\x00")
            assert status < 500, (place, body, answer)
            if status >= 400:
                assert {"code", "message", "field"} == answer.keys()
                assert 1 == len(answer["message"].splitlines())


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/api/work-pools", {}, "name"),
        ("POST", "/api/work-pools", {"name": "x", "concurrency_limit": -1}, "concurrency_limit"),
        ("POST", "/api/flow-runs/filter", {"filter": {"state_types": ["RUNING"]}}, "filter.state_types.0"),
        ("POST", "/api/flow-runs/filter", {"filter": {"stat": []}}, "filter.stat"),
        ("POST", "/api/flow-runs/filter", {"limit": 201}, "limit"),
        ("POST", "/api/flow-runs/filter", {"cursor": "nonsense"}, "cursor"),
        ("POST", "/api/flow-runs/filter", {"filter": {"due_after": "2026-01-01T00:00:00"}}, "filter.due_after"),
        ("GET", "/api/flow-runs/nonsense", None, "flow_run_id"),
    ],
)
def test_invalid_input_names_the_field(backend: Backend, method: str, path: str, body: Any, field: str) -> None:
    """A field that cannot be used is 422 and named by its path, whether it came in the body or in the address."""
    status, answer = ask(backend, method, path, body)

    assert (422, field) == (status, answer["field"])


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
)
def test_a_body_that_is_no_json_is_refused(backend: Backend, content_type: str) -> None:
    """A form, as curl sends it where nothing is said of the body, is 415 with what to send."""
    status, _, body = backend.handle("POST", "/api/flow-runs/filter", {}, {"content-type": content_type}, b"{}")

    assert (415, "content-type") == (status, json.loads(body)["field"])
    assert "application/json" in json.loads(body)["message"]


def test_unknown_routes(backend: Backend) -> None:
    """A path that is not there, or not by this method, is 404 with a code of its own."""
    assert (404, "route_not_found") == (ask(backend, "GET", "/api/nope")[0], ask(backend, "GET", "/nope")[1]["code"])
    assert 404 == ask(backend, "PUT", "/api/health")[0]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/api/flows/{new_id()}", "flow_not_found"),
        (f"/api/deployments/{new_id()}", "deployment_not_found"),
        ("/api/deployments/name/a/b", "deployment_not_found"),
        (f"/api/flow-runs/{new_id()}", "flow_run_not_found"),
        (f"/api/flow-runs/{new_id()}/states", "flow_run_not_found"),
        (f"/api/task-runs/{new_id()}", "task_run_not_found"),
        ("/api/work-pools/a", "work_pool_not_found"),
        ("/api/work-pools/a/queues", "work_pool_not_found"),
        ("/api/work-pools/a/queues/b", "work_pool_not_found"),
        (f"/api/bundles/{'0' * 64}/content", "bundle_not_found"),
    ],
)
def test_what_is_not_there(backend: Backend, path: str, code: str) -> None:
    """What does not exist is 404 with a code that names the kind of thing."""
    status, answer = ask(backend, "GET", path)

    assert (404, code) == (status, answer["code"])


def test_a_fault_of_ours_gives_nothing_away(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is a 500 without detail; its traceback is in the log, once."""

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(flows, "filter_flows", fail)
    status, answer = ask(backend, "POST", "/api/flows/filter", {})

    assert (500, "server_error") == (status, answer["code"])
    assert "secret" not in answer["message"]
    assert ["secret"] == [str(record.exc_info[1]) for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("SELECT", {}, Exception("disk I/O error\nmore")), 503, "database_unavailable"),
        (OSError(28, "No space left on device"), 507, "storage_unavailable"),
        (OverflowError("Python int too large"), 422, "invalid_input"),
    ],
)
def test_dependencies_that_fail(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    """A database or a disk that cannot be used is told as such, in one line."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(flows, "filter_flows", fail)
    found, answer = ask(backend, "POST", "/api/flows/filter", {})

    assert (status, code) == (found, answer["code"])
    assert 1 == len(answer["message"].splitlines())


def test_names_with_odd_characters_are_addresses_too(backend: Backend) -> None:
    """A pool may be named by anything that a name allows, and is found by its percent-encoded path."""
    status, _ = ask(backend, "POST", "/api/work-pools", {"name": 'my pool#1? "é" \\'})

    assert 201 == status
    assert 200 == ask(backend, "GET", "/api/work-pools/my%20pool%231%3F%20%22%C3%A9%22%20%5C")[0]


def test_page_for_people_works_offline() -> None:
    """The page at /docs holds its script and its style: it loads nothing from elsewhere."""
    page = docs_page()

    assert "<script src=" not in page and "<link" not in page
    assert "SwaggerUIBundle" in page


def test_root_leads_to_the_page(backend: Backend) -> None:
    """A browser that opens the server's address is led to the documentation."""
    status, headers, _ = backend.handle("GET", "/", {}, {}, b"")

    assert (307, "/docs") == (status, headers["location"])
