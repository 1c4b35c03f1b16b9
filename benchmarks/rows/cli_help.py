"""How long the command lines take to say how they are used, and which version they are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.command_time import wall_seconds
from benchmarks.figure import Figure, Row
from benchmarks.interleaved import interleaved
from benchmarks.products import ALISIO, PREFECT


def _measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as home:
        for argument, budget in (("--help", 0.25), ("version", None)):
            samples = interleaved(
                {
                    product.name: partial(wall_seconds, [product.command, argument], product.environment(Path(home)))
                    for product in (ALISIO, PREFECT)
                },
                fewer={PREFECT.name: 2},
            )
            peers = {PREFECT.name: samples[PREFECT.name]}
            yield Figure(f"command line: {argument}", "s", samples[ALISIO.name], budget=budget, peers=peers)


ROW = Row("help", _measure)
