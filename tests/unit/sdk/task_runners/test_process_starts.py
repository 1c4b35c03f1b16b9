"""How processes of the pool start: what they call first, and what becomes of those that cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, task
from alisio.engine.remote.channel import Channel
from alisio.task_runners import ProcessPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer


def test_initializer(server: MemoryServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Each process calls it once, before its first task; where it raises, the task that waits is CRASHED."""

    def prepare(name: str) -> None:
        os.environ["PREPARED"] = os.environ.get("PREPARED", "") + name

    def refuse() -> None:
        raise ValueError("not today")

    @task
    def look() -> str:
        return os.environ["PREPARED"]

    @flow
    def looks() -> Any:
        return {"seen": [look.submit().result() for _ in range(2)]}

    @flow(task_runner=ProcessPoolTaskRunner(1, initializer=refuse))
    def refused() -> Any:
        return {"state": look.submit(return_state=True)}

    runner = ProcessPoolTaskRunner(1, initializer=prepare, initargs=("x",))
    assert {"seen": ["x", "x"]} == looks.with_options(task_runner=runner)()
    state = refused()["state"]
    assert ("CRASHED", True) == (state.type.value, "exited with code 1" in state.message)
    assert "ValueError: not today" in capfd.readouterr().err
    with pytest.raises(ValueError, match="initializer must be a function"):
        ProcessPoolTaskRunner(initializer="prepare")  # type: ignore[arg-type]


def test_processes_that_cannot_start_are_given_up(server: MemoryServer, tmp_path: Path) -> None:
    """After three in a row no task starts another one for nothing, and each task says why."""
    starts = tmp_path / "starts"

    def refuse() -> None:
        with starts.open("a") as file:
            file.write("x")
        raise ValueError("no licence")

    @task
    def look() -> int:
        return 1

    @flow(task_runner=ProcessPoolTaskRunner(1, initializer=refuse))
    def refused() -> Any:
        return {"states": [look.submit(return_state=True) for _ in range(8)]}

    states = refused()["states"]

    assert {"CRASHED"} == {state.type.value for state in states}
    assert "starts no more processes, as none of the last 3 was ready" in str(states[-1].message)
    assert "xxx" == starts.read_text()


def test_a_closed_channel_is_no_other_file() -> None:
    """A process that has died at its start is given up: what is for it never goes to who has its number by now."""
    here, there = socket.socketpair()
    reading, writing = os.pipe()
    channel = Channel(number := here.detach())
    channel.close()
    try:
        os.dup2(writing, number)
        os.write(number, b"its own")

        with pytest.raises(BrokenPipeError, match="the channel is closed"):
            channel.send(b"a job")
        with pytest.raises(BrokenPipeError, match="the channel is closed"):
            channel.wait(0)

        assert b"its own" == os.read(reading, 100)
    finally:
        there.close()
        for descriptor in (reading, writing, number):
            os.close(descriptor)


def test_the_start_of_a_process_is_no_part_of_a_task(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow initializer leaves a task all the time that it may take."""
    monkeypatch.setattr("alisio.task_runners.processes.GRACE_SECONDS", 0.1)

    def prepare() -> None:
        time.sleep(3)

    @task(timeout_seconds=2)
    def look() -> str:
        return "done"

    @flow(task_runner=ProcessPoolTaskRunner(1, initializer=prepare))
    def looks() -> Any:
        future = look.submit()
        future.wait()
        return {"state": future.state}

    assert "Completed" == looks()["state"].name


def test_what_an_initializer_imports_runs_no_flow(tmp_path: Path) -> None:
    """A file that calls its flow without a guard is only loaded in the processes that import it."""
    (tmp_path / "prepared.py").write_text(
        "from pathlib import Path\n\nfrom alisio import flow\n\n\n"
        "def prepare():\n    pass\n\n\n@flow\ndef greet():\n    Path('ran').open('a').write('x')\n\n\ngreet()\n"
    )
    (tmp_path / "main.py").write_text(
        "from alisio import flow, task\nfrom alisio.task_runners import ProcessPoolTaskRunner\n"
        "from prepared import prepare\n\n\n@task\ndef one():\n    return 1\n\n\n"
        "@flow(task_runner=ProcessPoolTaskRunner(1, initializer=prepare))\ndef ones():\n"
        "    return one.submit().result()\n\n\nprint(ones())\n"
    )
    environment = {**os.environ, "ALISIO_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )

    assert (0, "1\n") == (done.returncode, done.stdout), done.stderr
    assert "x" == (tmp_path / "ran").read_text()
