"""Processes of the local cloud: they outlive who started them, and nobody else's is ended."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from alisio.cloud.errors import CloudError
from alisio.cloud.local import processes
from alisio.cloud.local.processes import Process
from tests.waiting import wait_until

_PARENT = """
import subprocess, sys
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
child.wait()
"""


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}


def test_a_process_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """What ministack runs functions in is not left behind, though it is told to end itself alone."""
    log = tmp_path / "log"
    process = processes.start([sys.executable, "-c", _PARENT], log, _environment())
    processes.wait_for(process, lambda: log.read_text().strip() != "", "the process", log)
    child = int(log.read_text())

    process.stop()

    assert not process.is_there()
    wait_until(lambda: not processes.process_exists(child), what="the child to end")


def test_another_process_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    """A record that has outlived its process, as after a restart of the machine, ends nobody."""
    process = processes.start(["sleep", "600"], tmp_path / "log", _environment())
    other = Process(process.pid, "0")

    other.stop()

    assert not other.is_there()
    assert process.is_there()
    process.stop()


def test_a_process_that_ends_as_it_starts_is_one_line(tmp_path: Path) -> None:
    """The line holds what it said last."""
    log = tmp_path / "log"
    process = processes.start([sys.executable, "-c", "raise SystemExit('no')"], log, _environment())

    with pytest.raises(CloudError, match="the thing ended as it started: no"):
        processes.wait_for(process, lambda: False, "the thing", log)


def test_a_process_that_never_answers_is_one_line(tmp_path: Path) -> None:
    """It is waited for so long, and no longer."""
    log = tmp_path / "log"
    process = processes.start(["sleep", "600"], log, _environment())

    with pytest.raises(CloudError, match="the thing did not answer within 0 s"):
        processes.wait_for(process, lambda: False, "the thing", log, seconds=0.2)
    process.stop()
