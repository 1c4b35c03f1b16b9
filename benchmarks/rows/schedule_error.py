"""How late runs of a schedule start on a laptop: one a second for a minute, due against started, as it is stored."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, Row
from benchmarks.processes import wait_for
from benchmarks.stacks import Stack, stack

RUNS = 60
_POOL = "bench-schedule"
_STARTED = "flow_run WHERE schedule_slug IS NOT NULL AND started IS NOT NULL"


def _seconds_late(running: Stack) -> list[float]:
    """Give for each started run of a schedule, the oldest first, how long after its time it started."""
    ids = [row[0] for row in running.read(f"SELECT id FROM {_STARTED} ORDER BY occurrence")]
    runs = [running.run(run_id) for run_id in ids]
    return [(run.started - run.due).total_seconds() for run in runs if run.started and run.due]


def _measure() -> Iterator[Figure]:
    with stack() as running:
        running.deploy("deployed", "empty", _POOL)
        with running.worker(_POOL):
            arguments = ("deployed.py:empty", "--name", "bench", "--pool", _POOL, "--interval", "1s")
            running.run_command("deploy", *arguments, cwd=running.home / "projects" / _POOL)
            enough = f"SELECT count(*) >= {RUNS} FROM {_STARTED}"
            wait_for(lambda: bool(running.read(enough)[0][0]), within=2 * RUNS, every=0.5)
            late = _seconds_late(running)[:RUNS]
    yield Figure(f"schedule: started after its time, of {RUNS} runs", "s", late)
    yield Figure(f"schedule: the latest of {RUNS} runs", "s", [max(late)])


ROW = Row("schedule_error", _measure)
