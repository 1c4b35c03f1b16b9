"""`alisio server`: processes of a server on this machine, with real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from alisio.client.discovery import answers, process_exists, read_record, record_path
from alisio.contract.access import KEY_PATTERN
from tests.unit.cli.conftest import Commands


@pytest.fixture
def server(commands: Commands) -> Iterator[str]:
    """A server in the background, on a free port; its API's address."""
    result = commands.process("server", "start", "--background", "--port", "0")
    assert (0, "") == (result.code, result.err)
    record = read_record(commands.home)
    assert record is not None
    assert result.out.startswith(f"the server runs at {record.url} as process {record.pid}; it writes to ")
    yield record.url
    if process_exists(record.pid):
        os.kill(record.pid, signal.SIGKILL)


def test_a_server_in_the_background_lives_until_it_is_stopped(commands: Commands, server: str) -> None:
    """It answers when the command returns, and is gone, record and all, when `stop` returns."""
    assert answers(server)
    status = json.loads(commands.run("server", "status", "-o", "json").out)
    assert (server, "ok", "sqlite") == (status["url"], status["status"], status["database"])

    assert f"stopped the server, process {status['pid']}\n" == commands.run("server", "stop").out

    assert not answers(server)
    assert not process_exists(status["pid"])
    assert not record_path(commands.home).exists()
    assert "no server runs" in commands.run("server", "stop").out
    assert "no server runs" in commands.refused("server", "status")


def test_commands_find_the_server_of_their_home(commands: Commands, server: str) -> None:
    """What is made while the server runs is there when it has gone."""
    commands.run("work-pool", "create", "local")
    commands.run("server", "stop")

    assert "local" in commands.run("work-pool", "ls").out


def test_a_home_has_one_server(commands: Commands, server: str) -> None:
    """A second one is refused, whatever its port, and the first is named."""
    for options in (["--port", "0"], ["--port", "0", "--background"]):
        assert f"a server runs already at {server}" in commands.refused("server", "start", *options)


@pytest.mark.parametrize("action", ["upgrade", "downgrade", "reset"])
def test_the_database_of_a_live_server_is_left_alone(commands: Commands, server: str, action: str) -> None:
    """The server is to be stopped first."""
    assert f"before you {action} its database" in commands.refused("server", "database", action)
    assert answers(server)


def test_a_server_that_was_killed_is_replaced(commands: Commands, server: str) -> None:
    """What it left in the home does not hinder the next one."""
    record = read_record(commands.home)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)

    assert 0 == commands.process("server", "start", "--background", "--port", "0").code
    successor = read_record(commands.home)
    assert successor is not None
    assert record.pid != successor.pid
    assert 0 == commands.run("server", "stop").code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_in_the_foreground_ends_clean(commands: Commands, number: signal.Signals) -> None:
    """It says where it listens, and on a signal it ends with 0 and takes its record away."""
    command = [sys.executable, "-m", "alisio.cli", "server", "start", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Alisio's API is at http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

    assert (0, "") == (process.returncode, err)
    assert not record_path(commands.home).exists()


def test_a_port_in_use_is_named(commands: Commands) -> None:
    """In the foreground and in the background alike, and no record is written."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options in ([], ["--background"]):
            assert f"port {port} of 127.0.0.1 is in use" in commands.refused(
                "server", "start", "--port", port, *options
            )

    assert not record_path(commands.home).exists()


@pytest.mark.parametrize("options", [[], ["--background"]])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org"])
def test_nobody_reaches_the_server_from_outside_without_a_key(
    commands: Commands, host: str, options: list[str]
) -> None:
    """The reason and the way out are told, also where the only key there was is revoked."""
    refusal = f"the server does not listen on {host} without an API key"
    line = commands.refused("server", "start", "--host", host, "--port", "0", *options)
    assert line.startswith(refusal) and "--create-admin-key" in line

    commands.run("api-key", "create", "gone", "--role", "admin")
    commands.run("api-key", "revoke", "gone")

    assert commands.refused("server", "start", "--host", host, "--port", "0", *options).startswith(refusal)
    assert not record_path(commands.home).exists()


def test_the_first_key_is_made_with_the_server_and_shown_once(commands: Commands) -> None:
    """On the terminal, and in no file; the address that is kept is one that programs of this machine reach."""
    started = commands.process(
        "server", "start", "--background", "--port", "0", "--host", "0.0.0.0", "--create-admin-key"
    )
    try:
        assert 0 == started.code, started.err
        (warning,) = started.err.splitlines()
        assert warning.startswith("warning: on 0.0.0.0 API keys and data go unencrypted")
        first, _ = started.out.splitlines()
        key = first.rpartition(" ")[2]
        assert KEY_PATTERN.fullmatch(key)
        record = read_record(commands.home)
        assert record is not None and record.url.startswith("http://127.0.0.1:")
        assert all(key.encode() not in path.read_bytes() for path in commands.home.iterdir() if path.is_file())
        assert "wants an API key" in commands.refused("flow", "ls")
        commands.set("ALISIO_API_KEY", key)
        assert "admin" in commands.run("api-key", "ls").out
    finally:
        commands.run("server", "stop")

    assert "there is one already" in commands.refused("server", "start", "--create-admin-key")


def test_a_home_that_cannot_be_made_is_named(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder and the setting are told."""
    monkeypatch.setenv("ALISIO_HOME", "/dev/null/home")

    assert "cannot make the folder /dev/null/home" in commands.refused("server", "start", "--port", "0")


def test_a_process_that_does_not_answer_is_not_killed(commands: Commands) -> None:
    """The id in an old record may be another program's by now."""
    commands.home.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        record = {"pid": other.pid, "url": "http://127.0.0.1:9/api", "database_url": "", "started": ""}
        record_path(commands.home).write_text(json.dumps(record))

        assert f"end it with `kill {other.pid}`" in commands.refused("server", "stop")
        assert other.poll() is None
        other.communicate(b"\n")


def test_the_database_is_reset_and_moved_between_versions(commands: Commands) -> None:
    """`reset` empties it, `downgrade base` takes its tables away, `upgrade` makes them anew; `-y` asks nothing."""
    commands.run("work-pool", "create", "lost")

    assert "is empty" in commands.run("server", "database", "reset", "-y").out
    assert "[]\n" == commands.run("work-pool", "ls", "-o", "json").out
    assert "is at version base" in commands.run("server", "database", "downgrade", "base", "-y").out
    assert "is at version 0" in commands.run("server", "database", "upgrade").out


def test_the_database_is_kept_where_nobody_confirms(commands: Commands) -> None:
    """Without `-y`, and with nobody to ask, nothing is lost."""
    commands.run("work-pool", "create", "kept")

    done = subprocess.run(
        [sys.executable, "-m", "alisio.cli", "server", "database", "reset"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert 1 == done.returncode
    assert "kept" in commands.run("work-pool", "ls").out


def test_a_disk_that_is_full_is_one_line(commands: Commands) -> None:
    """A server that cannot store its database says so, in the background too."""
    script = (
        "import resource, sys\n"
        "from alisio.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "main(['server', 'start', '--port', '0'])\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert 1 == done.returncode
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: cannot use ")
    assert not record_path(commands.home).exists()
