"""The HTTP transport, against a real server on this machine."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from alisio import get_client
from alisio.client import Client
from alisio.contract.reports import GZIPPED_JSON
from alisio.contract.work_pools import WorkPoolCreate
from alisio.exceptions import ApiError, ApiUnreachableError
from alisio.settings import current_settings

RUN = UUID("0199c5a0-0000-7000-8000-000000000000")
HEALTH = {"status": "ok", "version": "1", "database": "sqlite"}


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Script:
    """What the server answers, in order, and what it received. The last answer is given again and again."""

    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    def next_answer(self) -> tuple[int, Any]:
        """Take the next answer."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def server() -> Iterator[Script]:
    """A server that follows a script."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            script.received.append(
                Received(
                    self.command,
                    self.path,
                    dict(self.headers),
                    self.rfile.read(length),
                    self.client_address[1],
                )
            )
            status, body = script.next_answer()
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer  # noqa: N815  # the names that http.server asks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{httpd.server_port}"
    yield script
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def client(server: Script) -> Iterator[Client]:
    """A client of that server."""
    with Client.over_http(f"{server.url}/api/") as client:
        yield client


def test_the_connection_is_kept(server: Script, client: Client) -> None:
    """Calls share one connection, and go below the address that was given."""
    server.answers = [(200, HEALTH)]

    client.read_health()
    client.read_health()

    assert ["/api/health", "/api/health"] == [request.path for request in server.received]
    assert 1 == len({request.connection for request in server.received})


def test_the_key_is_shown_to_the_api(server: Script) -> None:
    """In the header that is for it, and in no other place; without one there is no such header."""
    server.answers = [(200, HEALTH)]
    for key in ("alisio_key", None):
        with Client.over_http(f"{server.url}/api", key) as client:
            client.read_health()

    assert ["Bearer alisio_key", None] == [request.headers.get("Authorization") for request in server.received]
    assert all("alisio_key" not in request.path for request in server.received)


def test_a_large_body_is_compressed(server: Script, client: Client) -> None:
    """Bodies over 1 KB are sent as gzip, small ones as they are."""
    server.answers = [(200, {"sequence": 1, "state": STATE, "lease_seconds": 30})]
    large = {"logs": ["x" * 2_000]}

    client.send_report(RUN, large)
    client.send_report(RUN, {"logs": []})

    first, second = server.received
    assert GZIPPED_JSON == first.headers["Content-Type"]
    assert large == json.loads(gzip.decompress(first.body))
    assert "application/json" == second.headers["Content-Type"]
    assert {"logs": []} == json.loads(second.body)


STATE = {"type": "RUNNING", "name": "Running", "timestamp": "2026-01-01T00:00:00Z"}


def test_a_busy_server_is_asked_again(server: Script, client: Client) -> None:
    """A call that may be repeated survives 503 and 429."""
    server.answers = [(503, "busy"), (429, "busy"), (200, HEALTH)]

    assert "ok" == client.read_health().status
    assert 3 == len(server.received)


def test_what_must_not_be_doubled_is_sent_once(server: Script, client: Client) -> None:
    """The creation of a pool is not repeated after a failure that may have come too late."""
    server.answers = [(503, "busy")]

    with pytest.raises(ApiError):
        client.create_work_pool(WorkPoolCreate(name="local"))

    assert 1 == len(server.received)


def test_a_server_that_is_away_is_told_in_one_line() -> None:
    """The line says where, why and what to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    with Client.over_http(url) as client, pytest.raises(ApiUnreachableError) as caught:
        client.read_health()

    assert (
        f"cannot reach the API at {url}: connection refused; is the server running? "
        "start it with `alisio server start`, or unset ALISIO_API_URL"
    ) == str(caught.value)


def test_an_address_that_is_none_is_told() -> None:
    """An address that cannot be read is named, without being tried four times."""
    with Client.over_http("http://127.0.0.1:port/api") as client, pytest.raises(ApiUnreachableError, match="port"):
        client.read_health()


def test_a_bundle_is_sent_where_the_server_says(server: Script, client: Client) -> None:
    """First it is announced by its digest; its bytes follow only where they are wanted."""
    content = b"\x1f\x8bbundle"
    sha256 = hashlib.sha256(content).hexdigest()
    known = {"sha256": sha256, "size": len(content)}
    upload = {"method": "PUT", "url": f"/api/bundles/{sha256}/content"}
    server.answers = [(200, known | {"upload": upload}), (200, known), (200, known)]

    assert sha256 == client.upload_bundle(content).sha256
    client.upload_bundle(content)

    assert [
        ("POST", "/api/bundles"),
        ("PUT", f"/api/bundles/{sha256}/content"),
        ("POST", "/api/bundles"),
    ] == [(request.method, request.path) for request in server.received]
    assert content == server.received[1].body
    assert known == json.loads(server.received[0].body)


def test_a_bundle_may_go_to_another_host_as_a_form(server: Script, client: Client) -> None:
    """An absolute address with POST gets the fields it asked for, and the bytes as the file after them.

    The server, which does not see them, is then told that they are there.
    """
    content = b"the bytes of an archive"
    known = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    upload = {"method": "POST", "url": f"{server.url}/store", "fields": {"key": "bundles/ab", "policy": "p"}}
    server.answers = [(200, known | {"upload": upload}), (200, {}), (200, known)]

    client.upload_bundle(content)

    sent = server.received[1]
    assert ["/api/bundles", "/store", "/api/bundles"] == [request.path for request in server.received]
    assert sent.headers["Content-Type"].startswith("multipart/form-data")
    assert sent.body.index(b'name="key"') < sent.body.index(b'name="policy"') < sent.body.index(content)


def test_large_data_go_to_another_host_without_the_key(server: Script) -> None:
    """From code that blocks and from code that awaits: what the server says, and nothing of the API with it."""
    known = {"id": str(RUN), "size": 4}
    upload = {"method": "POST", "url": f"{server.url}/store", "fields": {"key": "pending/a", "policy": "p"}}
    told = [(200, known | {"upload": upload}), (204, {}), (200, known)]
    settings = replace(current_settings(), api_url=f"{server.url}/api", api_key="secret")

    async def awaiting() -> None:
        async with get_client(settings) as client:
            await client.upload_artifact_data(None)

    server.answers = [*told, *told]
    with get_client(settings, sync_client=True) as client:
        client.upload_artifact_data(None)
    asyncio.run(awaiting())

    paths = ["/api/artifact-data", "/store", "/api/artifact-data"]
    assert [*paths, *paths] == [request.path for request in server.received]
    for sent in (server.received[1], server.received[4]):
        assert sent.body.index(b'name="policy"') < sent.body.index(b"null")
        assert "Authorization" not in sent.headers
    first, last = (json.loads(server.received[place].body) for place in (0, 2))
    assert (first, hashlib.sha256(b"null").hexdigest()) == (last, first["sha256"])


def test_large_data_that_did_not_arrive_are_told(server: Script, client: Client) -> None:
    """The store took them and does not have them, or refused them: one line, and no artifact is made."""
    known = {"id": str(RUN), "size": 4}
    upload = {"method": "PUT", "url": f"{server.url}/store"}
    server.answers = [(200, known | {"upload": upload}), (204, {}), (200, known | {"upload": upload})]
    with pytest.raises(ApiError, match="were sent and have not arrived"):
        client.upload_artifact_data(b"null")
    server.answers = [(200, known | {"upload": upload}), (403, {})]
    with pytest.raises(ApiError, match=r"127\.0\.0\.1:\d+ refused the artifact's data with status 403"):
        client.upload_artifact_data(b"null")


def test_a_store_that_refuses_a_bundle_is_named(server: Script, client: Client) -> None:
    """The host that refused is told, with its status."""
    known = {"sha256": "0" * 64, "size": 6}
    upload = {"method": "PUT", "url": f"{server.url}/store"}
    server.answers = [(200, known | {"upload": upload}), (403, {})]

    with pytest.raises(ApiError, match=r"127\.0\.0\.1:\d+ refused the bundle with status 403"):
        client.upload_bundle(b"bundle")


def test_httpx_comes_without_its_command_line() -> None:
    """What only a terminal needs is not imported, and whoever wants it in the same process can still have it."""
    script = (
        "import sys\n"
        "from alisio.client.http import HttpTransport\n"
        "HttpTransport('http://127.0.0.1:9/api', None).close()\n"
        "heavy = {'click', 'pygments', 'rich'} & set(sys.modules)\n"
        "import httpx._main\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
