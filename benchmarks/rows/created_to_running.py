"""From the creation of a deployment's run to its state Running, with an agent waiting, one run at a time.

Two clocks tell: the times that the server stores, and, from outside, when the request was sent and when the first
line of user code ran. Prefect has a worker, once as it comes and once with its fastest polling.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.figure import Figure, Row
from benchmarks.products import PREFECT
from benchmarks.stacks import Stack, stack
from benchmarks.stacks.prefect import FASTEST_POLLING
from tests.ministack import Ministack
from tests.postgres import Postgres

RUNS, WARM_UPS = 15, 2
PREFECT_RUNS, PREFECT_WARM_UPS = 3, 1
_POOL = "bench-start"
_numbers = count()


@dataclass(frozen=True)
class _Seconds:
    """Samples of the three waits, in seconds."""

    to_running: list[float] = field(default_factory=list)
    to_user_code: list[float] = field(default_factory=list)
    to_end: list[float] = field(default_factory=list)

    def take(self, running: Stack, deployment: str) -> None:
        mark = running.home / f"mark-{next(_numbers)}"
        sent = time.time()
        run = running.finished(running.create_run(deployment, {"mark": str(mark)}))
        assert run.started is not None
        assert run.ended is not None
        self.to_running.append((run.started - run.created).total_seconds())
        self.to_user_code.append(float(mark.read_text()) - sent)
        self.to_end.append((run.ended - run.created).total_seconds())


def _samples(
    running: Stack, deployment: str, runs: int, warm_ups: int, settings: Mapping[str, str] | None = None
) -> _Seconds:
    with running.worker(_POOL, settings=settings):
        for _ in range(warm_ups):
            _Seconds().take(running, deployment)
        seconds = _Seconds()
        for _ in range(runs):
            seconds.take(running, deployment)
    return seconds


def _over_sqs() -> _Seconds:
    """Take samples with PostgreSQL and SQS, as in the cloud; ministack stands in for AWS."""
    with ExitStack() as ends:
        aws = Ministack(Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="alisio-bench-"))))
        ends.callback(aws.stop)
        aws.start()
        postgres = Postgres()
        ends.callback(postgres.close)
        postgres.start()
        settings = {**aws.environment, "ALISIO_WAKE_UPS": "sqs"}
        running = ends.enter_context(stack(database=postgres.create_database(empty=True), settings=settings))
        return _samples(running, running.deploy("deployed", "marking", _POOL), RUNS, WARM_UPS)


def _measure() -> Iterator[Figure]:
    with stack() as running:
        ours = _samples(running, running.deploy("deployed", "marking", _POOL), RUNS, WARM_UPS)
    with stack(PREFECT) as running:
        deployment = running.deploy("deployed", "marking", _POOL)
        theirs = _samples(running, deployment, PREFECT_RUNS, PREFECT_WARM_UPS)
        fastest = _samples(running, deployment, PREFECT_RUNS, PREFECT_WARM_UPS, FASTEST_POLLING)
    for polling, peer in (("", theirs), (" (Prefect: fastest polling)", fastest)):
        peers = {"prefect": peer.to_running}
        yield Figure(f"deployment run: created to Running{polling}", "s", ours.to_running, budget=0.3, peers=peers)
    peers = {"prefect": fastest.to_user_code}
    yield Figure("deployment run: request to first line of user code", "s", ours.to_user_code, peers=peers)
    yield Figure("deployment run: created to Completed", "s", ours.to_end, peers={"prefect": fastest.to_end})
    sqs = _over_sqs()
    yield Figure("deployment run over SQS: created to Running", "s", sqs.to_running, budget=1.0)
    yield Figure("deployment run over SQS: created to Completed", "s", sqs.to_end)


ROW = Row("start", _measure)
