"""How late scheduled runs start on a laptop: three a second, due against started, as it is stored."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, Row
from benchmarks.stacks import stack
from benchmarks.starts import seconds_late

RUNS, SCHEDULES = 60, 3


def _measure() -> Iterator[Figure]:
    with stack() as running:
        late = seconds_late(running, "bench-schedule", runs=RUNS, schedules=SCHEDULES)
    yield Figure(f"schedule: started after its time, of {RUNS} runs", "s", late)
    yield Figure(f"schedule: the latest of {RUNS} runs", "s", [max(late)])


ROW = Row("schedule_error", _measure)
