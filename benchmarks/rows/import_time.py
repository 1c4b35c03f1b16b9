"""What importing the decorators adds to a bare Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.command_time import wall_seconds
from benchmarks.figure import Figure, Row


def _measure() -> Iterator[Figure]:
    bare = wall_seconds([sys.executable, "-c", "pass"], runs=15)
    importing = wall_seconds([sys.executable, "-c", "from alisio import flow, task"], runs=15)
    floor = sorted(bare)[len(bare) // 2]
    yield Figure("python -c pass", "s", bare)
    yield Figure("from alisio import flow, task (added)", "s", [sample - floor for sample in importing], budget=0.08)


ROW = Row("import", _measure)
