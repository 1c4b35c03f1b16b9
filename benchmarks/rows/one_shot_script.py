"""A script with one empty flow, no server running: its run is in the database when it exits.

Alisio's script uses its embedded server, Prefect's the ephemeral one that it starts for a script that knows no server.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.command_time import wall_seconds
from benchmarks.figure import Figure, Row
from benchmarks.interleaved import interleaved
from benchmarks.products import ALISIO, PREFECT, WORKLOADS, Product

PRODUCTS = (ALISIO, PREFECT)
RUNS = 7
FIRST_RUNS = 3
# One of Prefect's takes fifteen seconds, and thirty where it makes the database.
PREFECT_RUNS = 2
COMPLETED = text("SELECT count(*) FROM flow_run WHERE state_type = 'COMPLETED'")


def _completed(product: Product, home: Path) -> int:
    engine = create_engine(product.database_url(home))
    with engine.connect() as database:
        count = int(database.execute(COMPLETED).scalar_one())
    engine.dispose()
    return count


def _script(product: Product, home: Path) -> float:
    """Run the script once more in a home, and see that its run was stored before it ended."""
    stored = _completed(product, home) if (home / product.database).exists() else 0
    home.mkdir(exist_ok=True)
    seconds = wall_seconds([product.python, str(WORKLOADS / "empty.py")], product.environment(home))
    if _completed(product, home) != stored + 1:
        raise RuntimeError(f"{product.label} stored {_completed(product, home) - stored} runs of one")
    return seconds


def _first_script(homes: Path) -> float:
    return _script(ALISIO, Path(tempfile.mkdtemp(dir=homes)))


def _figure(label: str, samples: list[float], theirs: list[float], budget: float) -> Figure:
    return Figure(label, "s", samples, budget=budget, peers={PREFECT.name: theirs})


def _measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        homes = Path(folder)
        scripts = {product: partial(_script, product, homes / product.name) for product in PRODUCTS}
        # The first of Prefect's makes its database, and is the warm-up of the others.
        theirs = [scripts[PREFECT]()]
        fresh = [_first_script(homes) for _ in range(FIRST_RUNS)]
        scripts[ALISIO]()
        again = interleaved(scripts, runs=RUNS, warm_ups=0, fewer={PREFECT: PREFECT_RUNS})
    yield _figure("empty flow as a script, recorded (makes the database)", fresh, theirs, budget=1.5)
    yield _figure("empty flow as a script, recorded", again[ALISIO], again[PREFECT], budget=0.5)


ROW = Row("script", _measure)
