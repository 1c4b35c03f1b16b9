"""SIGTERM and Ctrl-C to a script that runs flows by hand: its runs end in order, hooks and all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alisio.client import open_client
from alisio.contract.runs import FlowRun, FlowRunQuery
from tests.waiting import wait_until

SCRIPT = """
import asyncio, sys, time
from pathlib import Path
from alisio import flow, task

def hook(flow, run, state):
    with open("told", "a") as file:
        print(flow.name, run.name, state.name, state.message, sep="|", file=file)

def wait():
    # In one long sleep a signal that comes just before it is heard of only after it: Python looks between calls.
    for _ in range(600):
        time.sleep(0.1)

options = {"flow_run_name": "the-run", "on_crashed": [hook], "on_completion": [hook]}

@flow(**options)
def sync():
    try:
        Path("ready").touch()
        wait()
    finally:
        Path("cleaned").touch()

@flow(name="async", **options)
async def in_loop():
    Path("ready").touch()
    await asyncio.sleep(60)

@task
def endless():
    Path("ready").touch()
    wait()

@flow(**options)
def tasks():
    endless.submit().wait()

@flow(**options)
def done():
    pass

def slow_hook(flow, run, state):
    Path("ready").touch()
    while not Path("signalled").exists():
        time.sleep(0.01)
    hook(flow, run, state)

@flow(flow_run_name="the-run", on_completion=[slow_hook])
def hooks():
    return 5

def none():
    done()
    Path("ready").touch()
    wait()

if __name__ == "__main__":
    asyncio.run(in_loop()) if sys.argv[1] == "async" else globals()[sys.argv[1]]()
    Path("after").touch()
"""


class Script:
    """A running script, in a folder of its own."""

    def __init__(self, folder: Path, what: str) -> None:
        self.folder = folder
        (folder / "script.py").write_text(SCRIPT)
        self.process = subprocess.Popen(
            [sys.executable, "script.py", what], cwd=folder, stderr=subprocess.PIPE, text=True, env=os.environ
        )

    def end_by(self, number: int) -> int:
        """Send a signal once it is ready; return the exit code."""
        wait_until((self.folder / "ready").exists)
        self.process.send_signal(number)
        (self.folder / "signalled").touch()
        self.process.communicate(timeout=60)
        return self.process.returncode

    @property
    def told(self) -> list[str]:
        """What the hooks have noted."""
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []


def last_run() -> FlowRun:
    """Read the latest flow run from the database."""
    with open_client() as client:
        [run] = client.filter_flow_runs(FlowRunQuery(limit=1)).items
    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a home of its own."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ALISIO_API_URL", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("what", "number", "codes", "message"),
    [
        ("sync", signal.SIGTERM, (143,), "terminated by SIGTERM (15)"),
        ("async", signal.SIGTERM, (143,), "terminated by SIGTERM (15)"),
        ("tasks", signal.SIGTERM, (143, -signal.SIGTERM), "terminated by SIGTERM (15)"),
        ("sync", signal.SIGINT, (1, 130, -signal.SIGINT), "interrupted from the keyboard (SIGINT)"),
    ],
)
def test_terminated(folder: Path, what: str, number: int, codes: tuple[int, ...], message: str) -> None:
    """The run is CRASHED and says why, its hooks are called in its own process, and the process ends at once."""
    script = Script(folder, what)

    assert script.end_by(number) in codes

    assert [f"{what}|the-run|Crashed|{message}"] == script.told
    assert ("CRASHED", message) == (last_run().state.type, last_run().state.message)
    assert (what == "sync") == (folder / "cleaned").exists()
    assert not (folder / "after").exists()


def test_terminated_in_a_hook(folder: Path) -> None:
    """A run that has ended, and only calls its hooks, is let to its end; then the process ends."""
    script = Script(folder, "hooks")

    assert -signal.SIGTERM == script.end_by(signal.SIGTERM)

    assert ["hooks|the-run|Completed|None"] == script.told
    assert "COMPLETED" == last_run().state.type
    assert not (folder / "after").exists()


def test_terminated_between_flows(folder: Path) -> None:
    """Where no flow runs, SIGTERM ends the process as it always does."""
    script = Script(folder, "none")
    assert -signal.SIGTERM == script.end_by(signal.SIGTERM)
