"""What is particular to processes: what they are started from, how many there are, and when they go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from alisio import flow, task
from alisio.engine.entrypoints import load_flow
from alisio.task_runners import ProcessPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer
from tests.waiting import wait_until

SCRIPT = """
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from alisio import flow, task
from alisio.task_runners import ProcessPoolTaskRunner

Path("imported").open("a").write("x")
factor = 3


@dataclass
class Town:
    name: str


def triple(n):
    return factor * n


@task(log_prints=True)
def visit(town, n):
    print("in", town.name)
    return Town(town.name * triple(n))


@task
def stay():
    import os

    Path(f"worker-{os.getpid()}").touch()
    time.sleep(600)


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def trip(how):
    if how == "stay":
        stay.submit(), stay.submit()
        return None
    town = visit.submit(Town("Lugo"), 1).result()
    assert type(town) is Town, town
    return town.name


print(trip(sys.argv[1]))
"""
FLOW_FILE = """
from alisio import flow, task
from alisio.task_runners import ProcessPoolTaskRunner
from helper_of_flow import twice


class Box:
    def __init__(self, content):
        self.content = content


@task
def fill(n):
    return Box(twice(n))


@flow(task_runner=ProcessPoolTaskRunner(1))
def boxes():
    box = fill.submit(4).result()
    return box.content if type(box) is Box else None


boxes()
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script whose flow, tasks and classes are all in `__main__`, and whose call has no guard."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    path = tmp_path / "trip.py"
    path.write_text(SCRIPT)
    return path


def test_a_script(script: Path) -> None:
    """What is defined in `__main__` works in workers, which do not run the script again."""
    done = subprocess.run(
        [sys.executable, str(script), "go"], cwd=script.parent, capture_output=True, text=True, timeout=110
    )

    assert (0, "LugoLugoLugo\n") == (done.returncode, done.stdout), done.stderr
    assert 1 == done.stderr.count("in Lugo")
    assert "x" == (script.parent / "imported").read_text()


def test_a_killed_flow_leaves_no_process(script: Path) -> None:
    """When the flow's process is killed its workers go too, in the middle of what they do."""
    with subprocess.Popen([sys.executable, str(script), "stay"], cwd=script.parent) as process:
        wait_until(lambda: len(list(script.parent.glob("worker-*"))) == 2)
        process.kill()
    pids = [int(path.name.partition("-")[2]) for path in script.parent.glob("worker-*")]
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_workers_are_few_and_go(server: MemoryServer) -> None:
    """No more processes are there than are allowed, each does many tasks, and none is left after the flow."""
    before = {child.pid for child in psutil.Process().children()}

    @task
    def who(n: int) -> int:
        return os.getpid()

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
    def crowd() -> Any:
        return {"pids": who.map(range(30)).result()}

    pids = set(crowd()["pids"])
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert {child.pid for child in psutil.Process().children()} <= before


def test_blocking_code_is_interrupted(server: MemoryServer) -> None:
    """The time limit of a task ends a system call that blocks: tasks have the main thread of their process."""

    @task(timeout_seconds=0.1)
    def block() -> None:
        time.sleep(600)

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def blocked() -> Any:
        return {"state": block.submit(return_state=True)}

    assert "TimedOut" == blocked()["state"].name


def test_how_a_worker_died(server: MemoryServer) -> None:
    """The state says how the process ended: by which signal, or with which code."""

    @task
    def killed(number: int) -> None:
        os.kill(os.getpid(), number)

    @task
    def left() -> None:
        os._exit(7)

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def deaths() -> Any:
        states = [killed.submit(signal.SIGKILL, return_state=True), left.submit(return_state=True)]
        return {"messages": [state.message for state in states]}

    messages = deaths()["messages"]
    assert "its worker process was killed by signal 9 (SIGKILL); the system does that where memory runs out" in messages
    assert "its worker process exited with code 7 before the task had ended" in messages


def test_a_large_argument_and_result(server: MemoryServer) -> None:
    """Megabytes go to a worker and come back whole."""
    data = os.urandom(5_000_000)

    @task
    def reverse(content: bytes) -> bytes:
        return content[::-1]

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def large() -> Any:
        return {"back": reverse.submit(data).result()}

    assert data[::-1] == large()["back"]


def test_a_flow_of_a_file(server: MemoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that was loaded from its file, as agents do, sends what is in it, and its helpers by their name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "boxes_of_test.py").write_text(FLOW_FILE)
    (tmp_path / "helper_of_flow.py").write_text("def twice(n):\n    return 2 * n\n")

    with pytest.warns(UserWarning, match="was called while its file was being loaded"):
        loaded = load_flow("boxes_of_test.py:boxes", tmp_path)

    assert 8 == loaded()


@pytest.mark.parametrize("max_workers", [0, -1, "2", 1.5])
def test_bad_numbers_of_workers(max_workers: Any) -> None:
    """The number of workers is refused where it is none."""
    with pytest.raises(ValueError, match="max_workers must be 1 or more"):
        ProcessPoolTaskRunner(max_workers)
