"""An attempt that begins on another machine: nothing is the same there but the code and the store of results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from alisio.contract.ids import new_id

_FLOWS = """
import os, signal
from pathlib import Path
from alisio import flow, runtime, task
from alisio.cache_policies import NO_CACHE

def ran(name):
    with (Path(os.environ["SHARED"]) / "ran").open("a") as file:
        file.write(f"{name}\\n")
    return name.upper()

@task
def step(name, among=frozenset()):
    return ran(name)

@task(cache_policy=NO_CACHE)
def always():
    return ran("always")

@flow
def inner():
    return step("inner")

@flow(retries=1, persist_result=True, result_storage=os.environ["SHARED"] + "/results")
def main():
    done = [step("plain", frozenset({"x", "y", "z"})), *step.map(["a", "b", "a"]).result(), inner(), always()]
    if runtime.flow_run.run_count == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return [*done, step("last")]
"""


def _attempt(machine: Path, shared: Path, flow_run_id: str, number: int) -> tuple[int, list[dict[str, Any]]]:
    """Run one attempt as a supervisor does; give how the process ended, and all states of the flow run."""
    machine.mkdir(parents=True)
    (machine / "flows.py").write_text(_FLOWS)
    job = {
        "flow_run_id": flow_run_id,
        "flow_run_name": "a-name",
        "entrypoint": "flows.py:main",
        "parameters": {},
        "tags": [],
        "attempt": number,
        "scheduled_start_time": "2026-05-04T12:00:00Z",
    }
    (report_read, report_write), (control_read, control_write) = os.pipe(), os.pipe()
    own = {"ALISIO_HOME": str(machine / "home"), "PYTHONHASHSEED": str(number), "SHARED": str(shared)}
    pipes = {"ALISIO_REPORT_FD": str(report_write), "ALISIO_CONTROL_FD": str(control_read)}
    with subprocess.Popen(
        [sys.executable, "-m", "alisio.engine.supervised"],
        cwd=machine,
        env=os.environ | own | pipes,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(report_write, control_read),
    ) as process:
        os.close(report_write)
        os.close(control_read)
        assert process.stdin is not None
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
        with os.fdopen(report_read, "rb") as reports:
            news = [json.loads(line) for line in reports]
        process.wait(60)
    os.close(control_write)
    return process.returncode, [state for each in news for state in each.get("states", ())]


def test_another_machine_goes_on_where_the_first_was_killed(tmp_path: Path) -> None:
    """What the first attempt had stored is not run again elsewhere: tasks, mapped ones, subflows; `NO_CACHE` is."""
    flow_run_id = str(new_id())

    first, _ = _attempt(tmp_path / "one" / "machine", tmp_path, flow_run_id, 1)
    second, states = _attempt(tmp_path / "another", tmp_path, flow_run_id, 2)

    assert (-signal.SIGKILL, 0) == (first, second)
    assert "COMPLETED" == states[-1]["type"]
    expected = ["a", "a", "always", "always", "b", "inner", "last", "plain"]
    assert expected == sorted((tmp_path / "ran").read_text().split())
