"""Tasks with `persist_result=True`, called one after another, beside Prefect's and the steps of DBOS."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, Row
from benchmarks.in_process import EMBEDDED, PEER, samples_of
from benchmarks.products import DBOS

COUNT = 500
# Prefect takes 100 ms a task and more, whatever their number: fewer tell the same in less time.
PREFECT_COUNT = 100
MOMENTS = {"in_flow": "in the flow", "stored": "until stored"}
BUDGET_MS = 2.0
"""What a step of DBOS takes, the fastest of its kind in Python."""


def _measure() -> Iterator[Figure]:
    names = (EMBEDDED, PEER, DBOS.name)
    counts = {name: PREFECT_COUNT if name == PEER else COUNT for name in names}
    samples = samples_of("persisted_tasks", {name: (str(count),) for name, count in counts.items()})
    for moment, when in MOMENTS.items():
        ours, prefect, dbos = ([answer[moment] / counts[name] * 1000 for answer in samples[name]] for name in names)
        label = f"500 tasks that store their results: each, {when}"
        yield Figure(label, "ms", ours, budget=BUDGET_MS, peers={PEER: prefect, DBOS.name: dbos})


ROW = Row("persisted", _measure)
