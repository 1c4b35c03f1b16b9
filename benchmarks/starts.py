"""How soon runs start: those that somebody asks for, and those of a schedule, by the times that are stored of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from benchmarks.processes import wait_for
from benchmarks.stacks import Stack

_STARTED = "flow_run WHERE schedule_slug IS NOT NULL AND started IS NOT NULL"
_numbers = count()


@dataclass(frozen=True)
class Starts:
    """Samples of three waits of a run that was asked for, in seconds.

    Attributes:
        to_running: From its creation to its state Running, as stored.
        to_user_code: From the request to the first line of user code, as seen from outside.
        to_end: From its creation to its end, as stored.
    """

    to_running: list[float] = field(default_factory=list)
    to_user_code: list[float] = field(default_factory=list)
    to_end: list[float] = field(default_factory=list)

    def take(self, running: Stack, deployment: str) -> None:
        """Have a run of the flow `marking` made, wait for its end, and add what it took."""
        mark = running.home / f"mark-{next(_numbers)}"
        sent = time.time()
        run = running.finished(running.create_run(deployment, {"mark": str(mark)}))
        assert run.started is not None
        assert run.ended is not None
        self.to_running.append((run.started - run.created).total_seconds())
        self.to_user_code.append(float(mark.read_text()) - sent)
        self.to_end.append((run.ended - run.created).total_seconds())


def measure_starts(
    running: Stack,
    pool: str,
    deployment: str,
    *,
    runs: int,
    warm_ups: int,
    settings: Mapping[str, str] | None = None,
) -> Starts:
    """Start a worker, and have it run a deployment of the flow `marking`, one run at a time.

    Args:
        running: The server.
        pool: The worker's pool.
        deployment: Its id.
        runs: How many runs count.
        warm_ups: How many are made before them.
        settings: Variables of the worker.
    """
    with running.worker(pool, settings=settings):
        for _ in range(warm_ups):
            Starts().take(running, deployment)
        starts = Starts()
        for _ in range(runs):
            starts.take(running, deployment)
    return starts


def seconds_late(running: Stack, pool: str, *, interval: int, runs: int) -> list[float]:
    """Start an agent on a new pool, deploy an empty flow there with a schedule, and see how late its runs start.

    Args:
        running: The server.
        pool: The pool's name.
        interval: Seconds between two runs.
        runs: How many runs count: the first that start.

    Returns:
        For each run, the oldest first, how long after its time it was Running, in seconds, as stored.
    """
    running.deploy("deployed", "empty", pool)
    with running.worker(pool):
        arguments = ("deployed.py:empty", "--name", "bench", "--pool", pool, "--interval", f"{interval}s")
        running.run_command("deploy", *arguments, cwd=running.home / "projects" / pool)
        enough = f"SELECT count(*) >= {runs} FROM {_STARTED}"
        wait_for(lambda: bool(running.read(enough)[0][0]), within=2 * interval * runs + 60, every=0.5)
        ids = [row[0] for row in running.read(f"SELECT id FROM {_STARTED} ORDER BY occurrence")]
        found = [running.run(run_id) for run_id in ids]
    return [(run.started - run.due).total_seconds() for run in found if run.started and run.due][:runs]
