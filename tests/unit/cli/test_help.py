"""The help: an example for every command, and quick to come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from alisio.cli.main import app


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk the tree of commands to those that do something."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, child in below.items():
        yield from leaves(child, (*path, name))


LEAVES = list(leaves(get_command(app)))


def test_every_command_of_the_interface_is_there() -> None:
    """The commands that are documented exist."""
    names = {" ".join(path) for path, _ in LEAVES}

    assert {
        "version", "deploy", "config set", "config view", "config unset",
        "server start", "server status", "server stop",
        "server database upgrade", "server database downgrade", "server database reset",
        "server database stats", "server database vacuum",
        "deployment ls", "deployment inspect", "deployment run", "deployment pause", "deployment resume",
        "deployment delete", "deployment backfill",
        "work-pool create", "work-pool ls", "work-pool inspect", "work-pool pause", "work-pool resume",
        "work-pool set-limit", "work-pool delete",
        "work-queue create", "work-queue ls", "work-queue inspect", "work-queue pause", "work-queue resume",
        "work-queue set-limit", "work-queue set-priority", "work-queue delete",
        "api-key create", "api-key ls", "api-key revoke", "audit ls",
        "block ls", "block inspect", "block delete", "block register",
        "block type ls", "block type inspect", "block type delete",
        "cloud deploy", "cloud diff", "cloud status", "cloud outputs", "cloud login", "cloud verify", "cloud destroy",
        "cloud up", "cloud down",
        "agent start", "agent ls", "flow ls",
        "flow-run ls", "flow-run history", "flow-run inspect", "flow-run logs", "flow-run watch", "flow-run cancel",
        "flow-run retry", "flow-run delete", "flow-run pause", "flow-run suspend", "flow-run resume", "task-run ls",
        "task serve",
        "gcl create", "gcl ls", "gcl inspect", "gcl update", "gcl enable", "gcl disable", "gcl reset", "gcl delete",
        "concurrency-limit create", "concurrency-limit ls", "concurrency-limit inspect", "concurrency-limit reset",
        "concurrency-limit delete",
        "variable ls", "variable get", "variable set", "variable unset", "variable inspect", "variable delete",
        "artifact ls", "artifact inspect", "artifact delete", "event ls",
        "asset ls", "asset inspect", "asset materializations", "asset lineage", "asset delete",
    } == names  # fmt: skip


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_has_help_and_an_example_of_itself(path: tuple[str, ...], command: Any) -> None:
    """Each says what it does, and shows itself used."""
    assert command.help
    assert f"alisio {' '.join(path)}" in command.epilog


def test_the_example_stands_in_lines_of_its_own() -> None:
    """The help does not wrap the examples into one paragraph."""
    done = subprocess.run(
        [sys.executable, "-m", "alisio.cli", "deployment", "run", "--help"], capture_output=True, text=True, check=True
    )

    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "Example:" in lines
    assert "alisio deployment run weather/hourly --in 10m --tag rerun" in lines


def test_the_help_imports_nothing_heavy() -> None:
    """`alisio --help` needs neither models, nor HTTP, nor the database, nor tables."""
    script = (
        "import sys\n"
        "from alisio.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'pydantic', 'httpx', 'sqlalchemy', 'rich', 'yaml', 'pathspec', 'alisio_server'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "" == done.stderr
    assert 0 == done.returncode
    assert "deployment" in done.stdout


def test_without_a_command_the_help_is_shown() -> None:
    """`alisio` alone is a wrong command line, and says what there is."""
    done = subprocess.run([sys.executable, "-m", "alisio.cli"], capture_output=True, text=True)

    assert 2 == done.returncode
    assert "Usage: alisio" in done.stderr
