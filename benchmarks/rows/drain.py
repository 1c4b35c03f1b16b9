"""How fast one agent, with room for ten runs at once, works off empty runs that are due.

The pool is paused while they are created, so what counts is from the moment it is let go to the end of the last run,
by the time that the server stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.figure import Figure, Row
from benchmarks.products import PREFECT
from benchmarks.stacks import Stack, stack
from benchmarks.stacks.prefect import FASTEST_POLLING

LIMIT = 10
FEW, MANY = 50, 500
# It needs several seconds a run: one sample of fewer runs tells its rate.
PREFECT_RUNS, PREFECT_SECONDS = 10, 180
_POOL = "bench-drain"


def _rate(running: Stack, deployment: str, runs: int, within: float = 120) -> float:
    """Give runs per second, once the database holds that all have completed."""
    before = running.completed("flow_run")
    running.set_paused(_POOL, True)
    ids = [running.create_run(deployment) for _ in range(runs)]
    begun = datetime.now(UTC)
    running.set_paused(_POOL, False)
    running.until_completed("flow_run", before + runs, within, every=0.05)
    ends = [run.ended for run in map(running.run, ids) if run.ended is not None]
    return runs / (max(ends) - begun).total_seconds()


def _measure() -> Iterator[Figure]:
    with stack(PREFECT) as running:
        deployment = running.deploy("deployed", "empty", _POOL)
        with running.worker(_POOL, LIMIT, FASTEST_POLLING):
            theirs = [_rate(running, deployment, PREFECT_RUNS, PREFECT_SECONDS)]
    with stack() as running:
        deployment = running.deploy("deployed", "empty", _POOL)
        with running.worker(_POOL, LIMIT):
            few = [_rate(running, deployment, FEW) for _ in range(8)][1:]
            many = [_rate(running, deployment, MANY)]
    label = "drain of {} empty runs, one agent, limit 10"
    peers = {"prefect": theirs}
    yield Figure(label.format(FEW), "1/s", few, budget=20, higher_is_better=True, peers=peers)
    yield Figure(label.format(MANY), "1/s", many, higher_is_better=True)


ROW = Row("drain", _measure)
