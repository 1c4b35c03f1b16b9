"""Errors: one line on stderr, an exit code, and a traceback only where it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Commands

AWAY = "http://127.0.0.1:9/api"


def test_a_mistake_is_one_line(commands: Commands) -> None:
    """What a user can cause ends with 1 and one line."""
    assert "'no equals sign' must be NAME=VALUE" in commands.refused("config", "set", "no equals sign")


def test_a_wrong_command_line_names_its_help(commands: Commands) -> None:
    """An unknown option or a missing argument ends with 2, and the line says where the help is."""
    assert "No such option: --colour; see `alisio flow ls --help`" == commands.refused("flow", "ls", "--colour", code=2)
    assert "Missing argument" in commands.refused("deployment", "inspect", code=2)
    assert "Invalid value for 'ID'" in commands.refused("flow-run", "inspect", "x", code=2)
    assert "'--output' / '-o': 'yaml' is not one of" in commands.refused("flow", "ls", "-o", "yaml", code=2)
    assert "'flow-run', 'flow'; see `alisio --help`" in commands.refused("flow-rn", code=2)


def test_a_server_that_is_away_is_one_line(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the address and says how to start a server."""
    monkeypatch.setenv("ALISIO_API_URL", AWAY)

    line = commands.refused("flow", "ls")

    assert line.startswith(f"cannot reach the API at {AWAY}: connection refused")
    assert "alisio server start" in line


def test_a_model_that_refuses_a_value_is_one_line(commands: Commands) -> None:
    """A name that no pool can have is told with its field, before any server is asked."""
    assert commands.refused("work-pool", "create", "a/b").startswith("name: ")


def test_a_traceback_is_shown_where_it_is_asked_for(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--traceback` shows where an error came from."""
    monkeypatch.setenv("ALISIO_API_URL", AWAY)

    result = commands.process("--traceback", "flow", "ls")

    assert 1 == result.code
    assert "Traceback (most recent call last)" in result.err
    assert "ApiUnreachableError" in result.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["version", "-o", "json"]])
def test_a_full_disk_behind_stdout_is_one_line(arguments: list[str]) -> None:
    """Where the output cannot be written the command says so and fails."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-m", "alisio.cli", *arguments], stdout=full, stderr=subprocess.PIPE)

    assert (1, b"error: No space left on device; check the path, its permissions and the disk\n") == (
        done.returncode, done.stderr,
    )  # fmt: skip


def test_a_reader_that_leaves_is_no_error(commands: Commands) -> None:
    """`alisio … | head -1` ends without a complaint."""
    command = [sys.executable, "-m", "alisio.cli", "config", "view"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert "" == said
