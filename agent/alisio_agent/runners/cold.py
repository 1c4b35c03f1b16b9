"""Starting each supervisor as a new interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from alisio_agent.runners.starters import OnExit, StartError
from alisio_agent.supervisor.places import LOG_FILE


class ColdStarter:
    """Executes `python -m alisio_agent.supervisor` for each job.

    Args:
        home: The folder of Alisio on this host.
        on_exit: Told of each end, in a thread of its own.
    """

    def __init__(self, home: Path, on_exit: OnExit) -> None:
        self._log = home / LOG_FILE
        self._on_exit = on_exit

    def open(self) -> None:
        """Do nothing: there is nothing to make ready."""

    def start(self, name: str, job: dict[str, Any]) -> None:
        """Start a supervisor; see `Starter`."""
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "alisio_agent.supervisor"],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise StartError(f"no process could be started: {error}") from error
        threading.Thread(target=self._attend, args=(name, job, process), daemon=True).start()

    def close(self) -> None:
        """Do nothing: supervisors live on by themselves."""

    def _attend(self, name: str, job: dict[str, Any], process: subprocess.Popen[bytes]) -> None:
        process.communicate(json.dumps(job).encode())
        self._on_exit(name, process.returncode)
