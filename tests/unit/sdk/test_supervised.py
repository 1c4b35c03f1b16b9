"""The supervised child, as its supervisor sees it: a process with two pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.ids import new_id
from alisio.contract.reports import Report
from tests.waiting import wait_until

FLOWS = """
import asyncio, os, subprocess, sys, time
from pathlib import Path
from alisio import flow, get_run_logger, runtime, task
from alisio.context import current_flow_run

@task
def double(n):
    get_run_logger().info("doubling %s", n)
    return 2 * n

@flow(retries=2, retry_delay_seconds=[1, 5], flow_run_name="run-{n}", version="v1")
def good(n: int):
    return double(n)

@flow
async def counts():
    raise ValueError(f"run {runtime.flow_run.run_count}")

@flow
def tells_its_time():
    raise ValueError(runtime.flow_run.scheduled_start_time.isoformat())

@flow
def plain():
    os.kill(os.getpid(), 0)

@flow(retries=3)
def bad():
    raise ValueError("no")

@flow
def leaves():
    sys.exit(7)

@flow
def sleeps():
    Path("ready").touch()
    try:
        time.sleep(600)
    finally:
        Path("cleaned").touch()

@flow
async def sleeps_async():
    Path("ready").touch()
    await asyncio.sleep(600)

@flow
def leaves_a_process():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path("ready").touch()
    time.sleep(600)

@flow
def hears():
    run = current_flow_run.get()
    while run.pause_request is None or not run.outbox.limited_tags.known:
        time.sleep(0.01)
    raise ValueError(f"{run.pause_request[0]}, {run.outbox.limited_tags.known}")

@task
def endless():
    time.sleep(600)

@flow(timeout_seconds=2)
def times_out():
    endless.submit().wait()
"""


@dataclass
class Child:
    """A running child."""

    process: subprocess.Popen[bytes]
    reports: Any
    control: int

    def say(self, word: dict[str, Any]) -> None:
        """Write a line to its control pipe."""
        os.write(self.control, json.dumps(word).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """Read all it reports until it ends, as one report of the contract."""
        merged: dict[str, Any] = {"facts": {}}
        for line in self.reports:
            for key, value in json.loads(line).items():
                if key == "facts":
                    merged["facts"] |= value
                else:
                    merged.setdefault(key, []).extend(value)
        self.process.wait(60)
        Report.model_validate({"attempt": 1, "sequence": 1, "origin": "supervisor", **merged})
        return merged


Starter = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts children in a folder with the flows above."""
    (tmp_path / "flows.py").write_text(FLOWS)
    children: list[Child] = []

    def run(entrypoint: str, parameters: dict[str, Any] | None = None, attempt: int = 1) -> Child:
        job = {
            "flow_run_id": str(new_id()),
            "flow_run_name": "a-name",
            "entrypoint": entrypoint,
            "parameters": parameters or {},
            "tags": [],
            "attempt": attempt,
            "scheduled_start_time": "2026-05-04T12:00:00Z",
        }
        report_read, report_write = os.pipe()
        control_read, control_write = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "alisio.engine.supervised"],
            cwd=tmp_path,
            env=os.environ
            | {
                "ALISIO_HOME": str(tmp_path / "home"),
                "ALISIO_REPORT_FD": str(report_write),
                "ALISIO_CONTROL_FD": str(control_read),
            },
            stdin=subprocess.PIPE,
            pass_fds=(report_write, control_read),
            process_group=0,
        )
        os.close(report_write)
        os.close(control_read)
        child = Child(process, os.fdopen(report_read, "rb"), control_write)
        children.append(child)
        assert process.stdin is not None
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
        return child

    yield run
    for child in children:
        os.close(child.control)
        child.process.wait(60)
        child.reports.close()


def _last(news: dict[str, Any]) -> tuple[str, str | None]:
    state = news["states"][-1]
    return state["type"], state["message"]


def test_good_run(start: Starter) -> None:
    """It tells the facts, task runs, logs, and the end, once; RUNNING is its supervisor's to tell."""
    child = start("flows.py:good", {"n": "4"})

    news = child.hear()

    assert ["COMPLETED"] == [state["type"] for state in news["states"]]
    expected = {"flow_version": "v1", "name": "run-4", "retries": 2, "retry_delays": [1.0, 5.0]}
    assert expected == news["facts"]
    assert "double-0" in {task_run["name"] for task_run in news["task_runs"]}
    assert "doubling 4" in {log["message"] for log in news["logs"]}
    assert 0 == child.process.returncode


def test_name_without_template(start: Starter) -> None:
    """Where the flow has no opinion on the run's name, none is told."""
    assert "name" not in start("flows.py:plain").hear()["facts"]


def test_failure_is_told_at_once(start: Starter) -> None:
    """Retries are told, and not made: the supervisor starts the next attempt."""
    news = start("flows.py:bad").hear()

    assert [("FAILED", "ValueError: no")] == [(state["type"], state["message"]) for state in news["states"]]
    assert 3 == news["facts"]["retries"]


def test_exit(start: Starter) -> None:
    """A flow that exits says so itself."""
    assert ("CRASHED", "the code exited with 7") == _last(start("flows.py:leaves").hear())


@pytest.mark.parametrize(
    ("entrypoint", "parameters", "message"),
    [
        ("flows.py:nothing", {}, "there is no 'nothing' in flows.py"),
        ("broken.py:x", {}, "SyntaxError in broken.py line 1"),
        ("flows.py:good", {}, "flow 'good': missing a required argument: 'n'"),
        ("flows.py:good", {"n": "x"}, "flow 'good': parameter 'n'"),
    ],
)
def test_unusable(start: Starter, tmp_path: Path, entrypoint: str, parameters: dict[str, Any], message: str) -> None:
    """What cannot be loaded or called is FAILED with one line, and the traceback is in the logs."""
    (tmp_path / "broken.py").write_text("def f(:")

    news = start(entrypoint, parameters).hear()

    type_, told = _last(news)
    assert "FAILED" == type_
    assert message in str(told)
    assert any(message in log["message"] for log in news["logs"])


@pytest.mark.parametrize("entrypoint", ["flows.py:sleeps", "flows.py:sleeps_async"])
def test_cancel(start: Starter, tmp_path: Path, entrypoint: str) -> None:
    """Told of a cancellation and stopped by SIGTERM, it cleans up and is CANCELLED."""
    child = start(entrypoint)
    wait_until((tmp_path / "ready").exists)

    child.say({"kind": "cancel"})
    child.process.send_signal(signal.SIGTERM)

    assert ("CANCELLED", "cancelled on request") == _last(child.hear())
    assert entrypoint.endswith("async") or (tmp_path / "cleaned").exists()


def test_terminated(start: Starter, tmp_path: Path) -> None:
    """SIGTERM without a word is a crash."""
    child = start("flows.py:sleeps")
    wait_until((tmp_path / "ready").exists)

    child.process.send_signal(signal.SIGTERM)

    assert ("CRASHED", "terminated by SIGTERM (15)") == _last(child.hear())


def test_supervisor_is_gone(start: Starter, tmp_path: Path) -> None:
    """When the control pipe ends, the child dies, with what it has started."""
    child = start("flows.py:leaves_a_process")
    wait_until((tmp_path / "ready").exists)

    os.close(child.control)
    child.control = os.open(os.devnull, os.O_WRONLY)

    assert -signal.SIGKILL == child.process.wait(60)
    wait_until(lambda: not _group_lives(child.process.pid))


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_task_that_outlives_its_flow(start: Starter) -> None:
    """A task that still runs when its flow has timed out does not hold up the process."""
    news = start("flows.py:times_out").hear()

    assert "TimedOut" == news["states"][-1]["name"]
    assert {"CANCELLED"} == {task_run["states"][-1]["type"] for task_run in news["task_runs"][-1:]}


def test_a_later_attempt_counts_the_earlier_ones(start: Starter) -> None:
    """Code that asks how often it was started is told of the attempts in processes before this one."""
    assert "ValueError: run 3" == start("flows.py:counts", attempt=3).hear()["states"][-1]["message"]


def test_what_was_said_before_its_code_was_loaded_is_heard(start: Starter) -> None:
    """The supervisor says each thing once, and loading a flow may take long."""
    child = start("flows.py:hears", {})
    child.say({"kind": "pause"})
    child.say({"kind": "suspend"})
    child.say({"kind": "limited_tags", "tags": ["database"]})

    [end] = [state for state in child.hear()["states"] if state["type"] == "FAILED"]
    assert "suspend, ['database']" in end["message"]


def test_a_run_knows_the_time_that_it_stands_for(start: Starter) -> None:
    """Code that asks for its scheduled start is told the one of its job, not when it happened to begin."""
    message = start("flows.py:tells_its_time").hear()["states"][-1]["message"]
    assert "ValueError: 2026-05-04T12:00:00+00:00" == message


def test_the_traceback_is_of_the_flow_alone(start: Starter) -> None:
    """The log of a failed asynchronous flow shows its own exception, and none of the engine's."""
    (line,) = [line for line in start("flows.py:counts").hear()["logs"] if line["level"] == 40]

    assert line["message"].endswith("ValueError: run 1")
    assert "another exception occurred" not in line["message"]
