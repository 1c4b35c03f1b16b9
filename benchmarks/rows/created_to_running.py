"""From the creation of a deployment's run to its state Running, with an agent waiting, one run at a time.

Two clocks tell: the times that the server stores, and, from outside, when the request was sent and when the first
line of user code ran. Prefect has a worker, once as it comes and once with its fastest polling.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.databases import postgres
from benchmarks.figure import Figure, Row
from benchmarks.products import PREFECT
from benchmarks.stacks import stack
from benchmarks.stacks.prefect import FASTEST_POLLING
from benchmarks.starts import Starts, measure_starts
from tests.ministack import Ministack

RUNS, WARM_UPS = 15, 2
PREFECT_RUNS = 2
_POOL = "bench-start"


def _over_sqs() -> Starts:
    """Take samples with PostgreSQL and SQS, as in the cloud; ministack stands in for AWS."""
    with ExitStack() as ends:
        aws = Ministack(Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="alisio-bench-"))))
        ends.callback(aws.stop)
        aws.start()
        server = ends.enter_context(postgres())
        settings = {**aws.environment, "ALISIO_WAKE_UPS": "sqs"}
        running = ends.enter_context(stack(database=server.create_database(empty=True), settings=settings))
        deployment = running.deploy("deployed", "marking", _POOL)
        return measure_starts(running, _POOL, deployment, runs=RUNS, warm_ups=WARM_UPS)


def _measure() -> Iterator[Figure]:
    with stack() as running:
        deployment = running.deploy("deployed", "marking", _POOL)
        ours = measure_starts(running, _POOL, deployment, runs=RUNS, warm_ups=WARM_UPS)
    with stack(PREFECT) as running:
        deployment = running.deploy("deployed", "marking", _POOL)
        # In this order the warm-up takes less time.
        fastest, theirs = (
            measure_starts(running, _POOL, deployment, runs=PREFECT_RUNS, warm_ups=warm_ups, settings=polling)
            for warm_ups, polling in ((1, FASTEST_POLLING), (0, None))
        )
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
