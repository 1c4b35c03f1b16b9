"""What importing the decorators adds to a bare Python."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.command_time import wall_seconds
from benchmarks.figure import Figure, Row
from benchmarks.interleaved import interleaved
from benchmarks.products import ALISIO, PREFECT

PRODUCTS = (ALISIO, PREFECT)
BARE = "bare"


def _measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as home:
        environments = {product: product.environment(Path(home)) for product in PRODUCTS}
        bare = partial(wall_seconds, [ALISIO.python, "-c", "pass"], environments[ALISIO])
        importing = {
            product.name: partial(wall_seconds, [product.python, "-c", f"from {product.name} import flow, task"], given)
            for product, given in environments.items()
        }
        samples = interleaved({BARE: bare, **importing}, runs=9, fewer={PREFECT.name: 3})
    floor = median(samples[BARE])
    added = {name: [sample - floor for sample in samples[name]] for name in importing}
    yield Figure("python -c pass", "s", samples[BARE])
    yield Figure(
        "from … import flow, task (added)",
        "s",
        added[ALISIO.name],
        budget=0.08,
        peers={PREFECT.name: added[PREFECT.name]},
    )


ROW = Row("import", _measure)
