"""Where things lie on a host, below the home folder of Alisio: what the agent and its supervisors agree on."""

from __future__ import annotations

from pathlib import Path

LOG_FILE = "supervisors.log"
"""What goes wrong in supervisors and fork servers themselves."""


def run_name(flow_run_id: object, attempt: int) -> str:
    """Name what executes an attempt of a flow run."""
    return f"{flow_run_id}-{attempt}"


def run_folders(home: Path) -> Path:
    """Tell where the folders of runs lie, one a run by its name. A supervisor holds a lock on its own."""
    return home / "runs"


def spool_folders(home: Path) -> Path:
    """Tell where the reports of runs wait while the API is away, one folder a run by its name."""
    return home / "spool"
