"""How soon runs start: those that somebody asks for, and those of a schedule, by the times that are stored of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from benchmarks.processes import wait_for
from benchmarks.stacks import Stack

_STARTED = "flow_run WHERE schedule_slug IS NOT NULL AND started IS NOT NULL"
_PROJECT = """
deployments:
  - name: bench
    entrypoint: deployed.py:empty
    work_pool: {{name: {pool}}}
    schedules: [{schedules}]
"""
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


def seconds_late(running: Stack, pool: str, *, runs: int, schedules: int = 1) -> list[float]:
    """Start an agent on a new pool, deploy an empty flow there with schedules, and see how late its runs start.

    Args:
        running: The server.
        pool: The pool's name.
        runs: How many runs count: the first that start.
        schedules: How many the deployment has: each makes a run a second, and together they make them evenly.

    Returns:
        For each run, the oldest first, how long after its time it was Running, in seconds, as stored.
    """
    running.deploy("deployed", "empty", pool)
    with running.worker(pool):
        folder = running.home / "projects" / pool
        anchors = [f"2026-01-01T00:00:00.{1000 * number // schedules:03}+00:00" for number in range(schedules)]
        each = ", ".join(f"{{interval: 1, anchor: {anchor}}}" for anchor in anchors)
        (folder / "alisio.yaml").write_text(_PROJECT.format(pool=pool, schedules=each))
        running.run_command("deploy", "--all", cwd=folder)
        enough = f"SELECT count(*) >= {runs} FROM {_STARTED}"
        wait_for(lambda: bool(running.read(enough)[0][0]), within=2 * runs + 60, every=0.5)
        ids = [row[0] for row in running.read(f"SELECT id FROM {_STARTED} ORDER BY occurrence")]
        found = [running.run(run_id) for run_id in ids]
    return [(run.started - run.due).total_seconds() for run in found if run.started and run.due][:runs]
