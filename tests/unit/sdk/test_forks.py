"""Forks of a process in which threads hold the engine's locks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, signal, threading
from alisio import flow, futures, task
from alisio.engine import base_run
from alisio.logging import configuration

@task
def one():
    return 1

@flow
def ones():
    return one.submit().result()

held = threading.Event()

def hold(lock):
    with lock:
        held.set()
        threading.Event().wait(0.5)

if __name__ == "__main__":
    ones()
    for lock in (futures._changing, base_run._recording, configuration._lock):
        held.clear()
        threading.Thread(target=hold, args=(lock,)).start()
        held.wait()
        pid = os.fork()
        if pid == 0:
            signal.alarm(80)
            os.environ["ALISIO_LOGGING_LEVEL"] = "ERROR"
            os._exit(0 if ones() == 1 else 1)
        print(os.waitpid(pid, 0)[1], end=" ")
"""

FORKING_TASK = """
import os
from alisio import flow, get_run_logger, task
from alisio.task_runners import ProcessPoolTaskRunner

@task
def forking():
    logger, pid = get_run_logger(), os.fork()
    for number in range(1000):
        logger.info("line %d of the %s", number, "worker" if pid else "fork")
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "whole"

@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def main():
    return forking.submit().result()

if __name__ == "__main__":
    print(main())
"""


def _run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with a home of its own."""
    script = folder / "forking.py"
    script.write_text(text)
    own_home = {**os.environ, "ALISIO_HOME": str(folder)}
    return subprocess.run([sys.executable, script], env=own_home, capture_output=True, text=True, timeout=110)


def test_a_fork_of_a_worker_leaves_its_socket_alone(tmp_path: Path) -> None:
    """A task in a process of its own may fork: its worker tells its news, and no other process writes among them."""
    done = _run(FORKING_TASK, tmp_path)
    lines = (done.stderr.count("of the worker"), done.stderr.count("of the fork"))
    assert ("whole\n", (1000, 0)) == (done.stdout, lines), done.stderr[-2000:]


def test_flows_run_in_forks(tmp_path: Path) -> None:
    """A fork can run flows, whatever the other threads of its parent were doing."""
    done = _run(SCRIPT, tmp_path)
    assert "0 0 0 " == done.stdout, done.stderr
