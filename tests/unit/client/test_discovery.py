"""Finding the server: the setting first, then a live server of this machine, then none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alisio.client.discovery import (
    find_server,
    process_exists,
    public_address,
    read_record,
    record_path,
    remove_record,
    write_record,
)
from alisio.settings import Settings, current_settings


@pytest.fixture
def healthy() -> Iterator[str]:
    """The address of an API that says that it is healthy."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/api"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def settings(home: Path, **said: str) -> Settings:
    """Read settings for a home."""
    return current_settings({"ALISIO_HOME": str(home), **said})


def test_the_setting_comes_first(tmp_path: Path, healthy: str) -> None:
    """`ALISIO_API_URL` holds whatever else runs."""
    write_record(settings(tmp_path), healthy)

    assert "http://elsewhere/api" == find_server(settings(tmp_path, ALISIO_API_URL="http://elsewhere/api"))


def test_without_a_record_there_is_no_server(tmp_path: Path) -> None:
    """A home without `server.json` is worked on in this process."""
    assert find_server(settings(tmp_path)) is None


def test_a_live_server_on_the_same_database_is_found(tmp_path: Path, healthy: str) -> None:
    """Its process is there and it answers."""
    write_record(settings(tmp_path), healthy)

    assert healthy == find_server(settings(tmp_path))


def test_a_server_on_another_database_is_left_alone(tmp_path: Path, healthy: str) -> None:
    """A server that works on other data is not asked."""
    write_record(settings(tmp_path), healthy)
    other = settings(tmp_path, ALISIO_API_DATABASE_CONNECTION_URL=f"sqlite:///{tmp_path}/other.db")

    assert find_server(other) is None


def test_a_server_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    """A record whose address is dead is as good as none, though its process is there."""
    write_record(settings(tmp_path), "http://127.0.0.1:9/api")

    assert find_server(settings(tmp_path)) is None


def test_a_server_whose_process_is_gone_is_passed_over(tmp_path: Path, healthy: str) -> None:
    """A record that a killed server left behind does no harm, whoever listens at its address now."""
    write_record(settings(tmp_path), healthy)
    record = json.loads(record_path(tmp_path).read_text())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record_path(tmp_path).write_text(json.dumps(record | {"pid": gone.pid}))

    assert find_server(settings(tmp_path)) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell processes of one id apart")
def test_a_process_with_a_used_id_is_no_server(tmp_path: Path, healthy: str) -> None:
    """A process that was given the id of a server that died is not taken for it, though something answers there."""
    write_record(settings(tmp_path), healthy)
    record = json.loads(record_path(tmp_path).read_text())
    record_path(tmp_path).write_text(json.dumps(record | {"birth": "1"}))

    assert find_server(settings(tmp_path)) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, content: str) -> None:
    """Whatever is in the file, commands go on."""
    record_path(tmp_path).write_text(content)

    assert read_record(tmp_path) is None


def test_only_its_own_record_is_removed(tmp_path: Path) -> None:
    """A server that ends leaves the record of its successor."""
    write_record(settings(tmp_path), "http://127.0.0.1:1/api")
    record = json.loads(record_path(tmp_path).read_text())
    record_path(tmp_path).write_text(json.dumps(record | {"pid": os.getppid()}))

    remove_record(tmp_path)
    assert read_record(tmp_path) is not None

    write_record(settings(tmp_path), "http://127.0.0.1:1/api")
    remove_record(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_process_that_nobody_waited_for_has_ended() -> None:
    """A zombie is not a live process."""
    ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    ended.stdout.read()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

    assert not process_exists(ended.pid)

    ended.wait()
    ended.stdout.close()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sqlite:///~/a.db", f"sqlite:///{Path.home()}/a.db"),
        ("sqlite+aiosqlite:////tmp/x/../a.db", "sqlite:////tmp/a.db"),
        ("postgresql+asyncpg://me:secret@db/runs", "postgres://you@db:5432/runs"),
        ("postgresql://me:secret@DB/runs?application_name=x", "postgres://db/runs"),
        ("postgresql://me:secret@[::1]:5433/runs", "postgres://[::1]:5433/runs"),
    ],
)
def test_equal_databases_have_equal_addresses(one: str, other: str) -> None:
    """Drivers, users and the ways to write a path or a port do not make another database."""
    assert public_address(one) == public_address(other)


@pytest.mark.parametrize("password", ["secret", "12/secret", "secret#", "?secret", "[secret", "se@secret", "se:secret"])
def test_no_password_is_written(tmp_path: Path, password: str) -> None:
    """The record holds no secret, also not of a password that should have been percent-encoded."""
    url = f"postgresql://me:{password}@db/runs"
    assert "postgres://db:5432/runs" == public_address(url)
    write_record(settings(tmp_path, ALISIO_API_DATABASE_CONNECTION_URL=url), "http://127.0.0.1:1/api")

    assert "secret" not in record_path(tmp_path).read_text()
