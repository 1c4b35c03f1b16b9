"""Bodies that no client of ours would send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from alisio.contract.base import MAX_JSON_DEPTH, MAX_OBJECT_CHARACTERS
from tests.e2e.backends import LaptopBackend

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(backend: LaptopBackend) -> Iterator[httpx.Client]:
    """A client of the shared server."""
    with httpx.Client(base_url=backend.api_url, timeout=30) as client:
        yield client


@pytest.fixture
def runs(client: httpx.Client) -> str:
    """The path at which runs of a deployment are created."""
    client.post("/work-pools", json={"name": "bodies"})
    spec = {"flow_name": "bodies", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "bodies"}
    return f"/deployments/{client.post('/deployments', json=spec).json()['id']}/runs"


def refusal(client: httpx.Client, path: str, content: str | bytes) -> tuple[int, str]:
    """Send a body that is refused; returns the status and the message."""
    answer = client.post(path, content=content, headers=JSON)
    body = answer.json()
    assert {"code", "message", "field"} == body.keys()
    assert 1 == len(body["message"].splitlines())
    return answer.status_code, body["message"]


@pytest.mark.parametrize("levels", [MAX_JSON_DEPTH - 1, MAX_JSON_DEPTH, 300, 900, 100_000])
def test_deep_nesting(client: httpx.Client, runs: str, levels: int) -> None:
    """What is nested too deeply to be shown again is not stored: one such run would break every listing."""
    status, message = refusal(client, runs, '{"parameters":{"x":' + "[" * levels + "]" * levels + "}}")
    assert 400 == status
    assert "nested" in message or "recursion" in message
    assert 200 == client.post("/flow-runs/filter", json={}).status_code


def test_nesting_within_bounds(client: httpx.Client, runs: str) -> None:
    """What lies as deep as is allowed is stored and shown."""
    value: Any = 1
    for _ in range(MAX_JSON_DEPTH - 2):
        value = [value]
    run = client.post(runs, json={"parameters": {"x": value}}).json()
    assert {"x": value} == client.get(f"/flow-runs/{run['id']}").json()["parameters"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b'{"parameters":{"x":NaN}}', "NaN is not JSON", id="NaN"),
        pytest.param(b'{"parameters":{"x":1e400}}', "out of range", id="huge float"),
        pytest.param(b'{"parameters":{"x":' + b"9" * 5_000 + b"}}", "4300 digits", id="huge integer"),
        pytest.param(b'{"name":"\xff"}', "can't decode", id="no UTF-8"),
        pytest.param(b"[]", "a JSON object", id="a list"),
    ],
)
def test_no_json(client: httpx.Client, runs: str, content: bytes, said: str) -> None:
    """What is not JSON is refused, also where Python would read it."""
    status, message = refusal(client, runs, content)
    assert 400 == status
    assert said in message


def test_unstorable_text(client: httpx.Client, runs: str) -> None:
    """NUL and halves of surrogate pairs, which PostgreSQL cannot store, become U+FFFD."""
    content = b'{"parameters":{"a\\u0000":["\\ud800"]},"tags":["\\u0000t"]}'
    run = client.post(runs, content=content, headers=JSON).json()
    assert ({"a\ufffd": ["\ufffd"]}, ["\ufffdt"]) == (run["parameters"], run["tags"])


@pytest.mark.parametrize("field", ["parameters", "job_variables"])
def test_large_parameters(client: httpx.Client, runs: str, field: str) -> None:
    """Parameters of 512 KB are stored; larger ones are refused, and the line says what to do instead."""
    room = MAX_OBJECT_CHARACTERS - len('{"x": ""}')
    assert 201 == client.post(runs, json={field: {"x": "a" * room}}).status_code
    status, message = refusal(client, runs, f'{{"{field}":{{"x":"{"a" * (room + 1)}"}}}}')
    assert 422 == status
    assert f"{field}: may have 512,000 characters as JSON: put what is larger into a file" in message


@pytest.mark.parametrize("name", ["مرحبا بالعالم", "🚀👩‍👩‍👧", "e\u0301\u0323", "日本語 テスト", "\u202elive"])
def test_every_script(client: httpx.Client, name: str) -> None:
    """Names are kept as they are in every script, in bodies and in paths."""
    assert 201 == client.post("/work-pools", json={"name": name}).status_code
    assert name == client.get(f"/work-pools/{name}").json()["name"]
    assert 204 == client.delete(f"/work-pools/{name}").status_code
