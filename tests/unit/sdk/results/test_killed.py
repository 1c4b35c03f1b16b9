"""Processes that are killed while they store: nothing half-written is read, and nothing uncommitted is taken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alisio.results.records import unpack
from alisio.results.storage import FolderStorage
from tests.waiting import wait_until

_WRITER = """
import sys
from pathlib import Path
from alisio.results.records import pack
from alisio.results.storage import FolderStorage
store = FolderStorage(Path(sys.argv[1]))
contents = [pack(letter * 3_000_000, "json", None) for letter in "ab"]
print("ready", flush=True)
while True:
    for content in contents:
        store.write("run/key", content)
"""


def test_a_killed_process_leaves_no_half_of_a_result(tmp_path: Path) -> None:
    """However often a process is killed in the midst of writing a large result, what is read is a whole one."""
    store = FolderStorage(tmp_path)
    for _ in range(3):
        command = [sys.executable, "-c", _WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None and "ready\n" == child.stdout.readline()
            wait_until(lambda: store.exists("run/key"))
            read = {unpack(store.read("run/key")).value()[0] for _ in range(20)}
            child.send_signal(signal.SIGKILL)
        value = unpack(store.read("run/key")).value()
        assert read | {value[0]} <= {"a", "b"}
        assert 3_000_000 == len(value)


_PROGRAM = """
import os, signal, sys
from alisio import flow, task
from alisio.cache_policies import INPUTS
from alisio.transactions import transaction

folder, when = sys.argv[1], sys.argv[2]

@task(cache_policy=INPUTS, result_storage=folder + "/results")
def step(name):
    with open(folder + "/ran", "a") as ran:
        ran.write(name)
    return name

@flow
def main():
    step("a")
    with transaction():
        step("b")
        if when == "within":
            os.kill(os.getpid(), signal.SIGKILL)
    if when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    step("c")

main()
"""


@pytest.mark.parametrize(("when", "ran"), [("within", "abbc"), ("after", "abc")])
def test_what_a_killed_run_had_committed_is_taken(tmp_path: Path, when: str, ran: str) -> None:
    """The next run, in another process, takes what was committed; what was only staged is run again."""

    def run(when: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(tmp_path), when],
            env={**os.environ, "ALISIO_HOME": str(tmp_path / "home"), "PYTHONHASHSEED": "random"},
            capture_output=True,
        ).returncode

    assert [-signal.SIGKILL, 0] == [run(when), run("never")]
    assert ran == (tmp_path / "ran").read_text()
