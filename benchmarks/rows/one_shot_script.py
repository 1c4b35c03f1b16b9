"""A script with one empty flow, no server running: its run is in the database when it exits."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.command_time import RUNS, clean_environment, wall_seconds
from benchmarks.figure import Figure, Row

SCRIPT = """
from alisio import flow

@flow
def empty():
    pass

empty()
"""


def _completed_runs(home: Path) -> int:
    with sqlite3.connect(home / "alisio.db") as database:
        return int(database.execute("SELECT count(*) FROM flow_run WHERE state_type = 'COMPLETED'").fetchone()[0])


def _measure() -> Iterator[Figure]:
    first: list[float] = []
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        script = Path(folder) / "workflow.py"
        script.write_text(SCRIPT)
        environment = clean_environment()
        for fresh in range(3):
            environment["ALISIO_HOME"] = f"{folder}/first-{fresh}"
            command = [sys.executable, str(script)]
            first += wall_seconds(command, environment=environment, runs=1, warm_ups=0)
        later = wall_seconds(command, environment=environment)
        stored = _completed_runs(Path(environment["ALISIO_HOME"]))
        if stored != RUNS + 2:
            raise RuntimeError(f"{RUNS + 2} runs ended, but the database holds {stored}")
    yield Figure("empty flow as a script, recorded (makes the database)", "s", first, budget=1.5)
    yield Figure("empty flow as a script, recorded", "s", later, budget=0.5)


ROW = Row("script", _measure)
