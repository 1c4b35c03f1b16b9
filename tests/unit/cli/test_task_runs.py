"""`alisio task-run`, on the embedded backend, with a script's run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.cli.conftest import Commands

SCRIPT = """
from alisio import flow, task

@task(task_run_name="half-of-{number}")
def halve(number):
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2

@flow
def halving():
    return halve.map([2, 3, 4])

halving(return_state=True)
"""


def test_task_runs_of_a_flow_run_are_listed(commands: Commands, tmp_path: Path) -> None:
    """They come in the order of their making, and `--state` narrows them by type or name; the message says why."""
    script = tmp_path / "halving.py"
    script.write_text(SCRIPT)
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True)
    (run,) = json.loads(commands.run("flow-run", "ls", "-o", "json").out)

    found = json.loads(commands.run("task-run", "ls", run["id"], "-o", "json").out)
    assert ["half-of-2", "half-of-3", "half-of-4"] == [each["name"] for each in found]
    for state in ("FAILED", "failed", "Failed"):
        table = commands.run("task-run", "ls", run["id"], "--state", state).out.splitlines()
        assert 2 == len(table)
        assert "half-of-3" in table[1]
        assert "ValueError: 3 is odd" in table[1]
    assert "[]\n" == commands.run("task-run", "ls", run["id"], "--state", "TimedOut", "-o", "json").out


def test_an_unknown_flow_run_is_refused(commands: Commands) -> None:
    """The id of no run is an error, and not an empty list."""
    assert "there is no flow run" in commands.refused("task-run", "ls", "01900000-0000-7000-8000-000000000000")
