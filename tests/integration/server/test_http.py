from __future__ import annotations

import gzip
import hashlib
import json
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

from alisio.client import Client
from alisio.contract.artifacts import ArtifactCreate
from tests.integration.server.conftest import Server
from tests.waiting import wait_until

LOOKING_AT_ITSELF = textwrap.dedent(
    """
    import os, signal, socket, sys, threading
    from pathlib import Path
    import httpx, psutil
    from alisio_server.embedded import serve
    from alisio_server.settings import ServerSettings

    def look(url):
        with httpx.Client(timeout=60) as client:
            assert 200 == client.get(f"{url}/version").status_code
            found = psutil.Process().net_connections("tcp")
            port = httpx.URL(url).port
            accepted = [one.fd for one in found if one.status == "ESTABLISHED" and one.laddr.port == port]
            sockets = [socket.socket(fileno=os.dup(fd)) for fd in accepted]
            print([0 != each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in sockets], flush=True)
            for each in sockets:
                each.close()
        os.kill(os.getpid(), signal.SIGTERM)

    home = Path(sys.argv[1])
    settings = ServerSettings(f"sqlite:///{home}/alisio.db", home, port=0)
    serve(settings, on_ready=lambda url: threading.Thread(target=look, args=(url,)).start())
    """
)


def test_health(shared: Server) -> None:
    """A server that runs says so, with its database and the time of its last tick."""
    wait_until(lambda: shared.ask("GET", "/health").json()["last_tick"], what="a tick")
    health = shared.ask("GET", "/health").json()

    assert "ok" == health["status"]
    assert shared.database_url.startswith(health["database"])
    assert health["last_tick"] is not None


def test_pages_for_people_and_programs(shared: Server) -> None:
    """The root leads to a page about the API; its description is served as JSON."""
    root = shared.client.get(shared.url.removesuffix("/api"), follow_redirects=True)

    assert (200, "/docs") == (root.status_code, root.url.path)
    assert "text/html" in root.headers["content-type"]
    assert "/api/flow-runs/filter" in shared.ask("GET", "/openapi.json").json()["paths"]


def test_pages_of_runs(shared: Server) -> None:
    """Following cursors gives every run once; a cursor of another order is refused."""
    deployment_id = shared.create_deployment()
    made = {shared.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"] for _ in range(5)}
    query = {"filter": {"deployment_ids": [deployment_id]}, "limit": 2}
    seen: list[str] = []
    cursor = None
    while True:
        page = shared.ask("POST", "/flow-runs/filter", {**query, "cursor": cursor}).json()
        seen += [run["id"] for run in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]

    assert (5, made) == (len(seen), set(seen))
    assert {"count": 5, "capped": False} == shared.ask("POST", "/flow-runs/count", query["filter"]).json()
    refused = shared.ask("POST", "/flow-runs/filter", {"cursor": cursor, "sort": "due_asc"})
    assert (422, "invalid_cursor") == (refused.status_code, refused.json()["code"])


def test_wrong_parameters_name_the_field(shared: Server) -> None:
    """A run whose parameters do not fit the deployment's schema is refused, with the parameter named."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    deployment_id = shared.create_deployment(name="strict", parameter_schema=schema, parameters={"city": "Seattle"})
    answer = shared.ask("POST", f"/deployments/{deployment_id}/runs", {"parameters": {"city": 7}})

    assert (422, "parameters.city") == (answer.status_code, answer.json()["field"])


def test_asking_twice_with_one_key(shared: Server) -> None:
    """The first request of an idempotency key makes a run (201), the next one gets the same (200)."""
    deployment_id = shared.create_deployment(name="twice")
    body = {"idempotency_key": "k"}
    answers = [shared.ask("POST", f"/deployments/{deployment_id}/runs", body) for _ in range(2)]

    assert [201, 200] == [answer.status_code for answer in answers]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_gzip_bodies(shared: Server) -> None:
    """A gzipped body is read; a broken one is 400; one that unpacks to more than is taken is 413."""
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    url = f"{shared.url}/flows/filter"
    good = shared.client.post(url, content=gzip.compress(b'{"limit": 1}'), headers=headers)
    broken = shared.client.post(url, content=b'{"limit": 1}', headers=headers)
    bomb = shared.client.post(url, content=gzip.compress(b" " * 50_000_000), headers=headers)

    assert [200, 400, 413] == [good.status_code, broken.status_code, bomb.status_code]
    assert "body_too_large" == bomb.json()["code"]


@pytest.mark.parametrize("size", [5_000_001, 20_000_000])
def test_large_bodies_are_refused(shared: Server, size: int) -> None:
    """A body of more than 5 MB is 413, and the client gets to read that."""
    answer = shared.client.post(f"{shared.url}/flows/filter", content=b"x" * size)

    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


def test_bundles(shared: Server) -> None:
    """A bundle is announced, sent, and got back; one that is there need not be sent again."""
    content = bytes(range(256)) * 30_000
    sha256 = hashlib.sha256(content).hexdigest()
    announced = shared.ask("POST", "/bundles", {"sha256": sha256, "size": len(content)}).json()
    base = shared.url.removesuffix("/api")
    sent = shared.client.request(announced["upload"]["method"], base + announced["upload"]["url"], content=content)

    assert (200, len(content)) == (sent.status_code, sent.json()["size"])
    assert content == shared.client.get(base + announced["upload"]["url"]).content
    again = shared.ask("POST", "/bundles", {"sha256": sha256, "size": len(content)}).json()
    assert again["upload"] is None


def test_data_of_artifacts_pass_the_limit_of_bodies(shared: Server) -> None:
    """Up to 20 MB go through a server, with the SDK's clients; no other route takes so much."""
    text = "x" * 19_999_998
    with Client.over_http(shared.url) as client:
        data_id = client.upload_artifact_data(json.dumps(text).encode())
        made = client.create_artifact(ArtifactCreate(type="markdown", data_id=data_id))
        assert text == client.whole_artifact(client.read_artifact(made.id)).data
    answer = shared.client.put(f"{shared.url}/artifact-data/{data_id}/content", content=bytes(20_000_001))
    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


def test_a_wrong_bundle_leaves_nothing(shared: Server) -> None:
    """Content that is not what its name says is refused, and nothing of it is stored."""
    sha256 = hashlib.sha256(b"right").hexdigest()
    before = sorted(shared.home.rglob("objects/**/*"))
    answer = shared.client.put(f"{shared.url}/bundles/{sha256}/content", content=b"wrong")

    assert (422, "sha256_mismatch") == (answer.status_code, answer.json()["code"])
    assert before == sorted(shared.home.rglob("objects/**/*"))
    assert shared.ask("POST", "/bundles", {"sha256": sha256, "size": 5}).json()["upload"] is not None


def test_answers_are_not_held_back(tmp_path: Path) -> None:
    """Answers leave at once: with Nagle's algorithm, which is off, each would wait for an acknowledgement."""
    done = subprocess.run(
        [sys.executable, "-c", LOOKING_AT_ITSELF, str(tmp_path)], capture_output=True, text=True, timeout=100
    )

    assert "[True]\n" == done.stdout, done.stderr


def test_head_and_broken_http(shared: Server) -> None:
    """What is no request of this API gets an answer of HTTP, and the server lives on."""
    address = httpx.URL(shared.url)
    with socket.create_connection((address.host, address.port or 0), timeout=60) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert b"400" in connection.recv(100)

    assert 404 == shared.client.head(f"{shared.url}/health").status_code
    assert 200 == shared.ask("GET", "/health").status_code


def test_port_in_use(shared: Server, tmp_path: Path) -> None:
    """A second server on the same port is told so in one line."""
    from alisio_server.embedded import serve
    from alisio_server.errors import ConflictError
    from alisio_server.settings import ServerSettings

    port = httpx.URL(shared.url).port or 0
    with pytest.raises(ConflictError, match=f"port {port} of 127.0.0.1 is in use") as caught:
        serve(ServerSettings(f"sqlite:///{tmp_path}/alisio.db", tmp_path, port=port))

    assert ("port_in_use", 1) == (caught.value.code, len(caught.value.message.splitlines()))
    assert not (tmp_path / "alisio.db").exists()
