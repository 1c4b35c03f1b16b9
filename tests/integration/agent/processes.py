"""Starting supervisors as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[3]
CHILDREN = Path(__file__).parent / "children"
LAUNCH = """
import json, os, sys
from alisio_agent.supervisor.main import detach, supervise
from alisio_agent.supervisor.timing import Timing
job = json.load(sys.stdin)
detach(job["home"])
os._exit(supervise(job, warm=True, timing=Timing(**job.pop("timing"))))
"""


def environment() -> dict[str, str]:
    """Variables with which our packages and the children's modules are found."""
    folders = [CHILDREN, ROOT / "sdk", ROOT / "agent", ROOT / "functions"]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that only waits to be reaped does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Launched:
    """A supervisor that was started, for a job."""

    def __init__(self, job: dict[str, Any], arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job).encode())
        self.process.stdin.close()

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end, and give its exit status."""
        return self.process.wait(timeout)

    def stop(self) -> None:
        """Kill it and what it started."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        self.process.kill()
        self.process.wait()
