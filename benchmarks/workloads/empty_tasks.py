"""Tasks that do nothing, many in one flow: called, submitted, or mapped.

Usage: `empty_tasks.py DATABASE MANNER:COUNT …`; prints, by manner, `in_flow` and `stored`, the seconds until the flow
has all results and until all task runs are stored, and `growth`, by how many bytes the process has grown meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from product import flow, task
from recorded import Recorded

WARM_UPS = 20


@task
def empty(number: int) -> None:
    """Do nothing."""


@flow
def direct(count: int) -> tuple[float, float]:
    """Call the task again and again, and tell when that began and ended."""
    begun = time.perf_counter()
    for number in range(count):
        empty(number)
    return begun, time.perf_counter()


@flow
def submitted(count: int) -> tuple[float, float]:
    """Submit the task again and again, wait for all, and tell when that began and ended."""
    begun = time.perf_counter()
    futures = [empty.submit(number) for number in range(count)]
    for future in futures:
        future.wait()
    return begun, time.perf_counter()


@flow
def mapped(count: int) -> tuple[float, float]:
    """Map the task over numbers, wait for all, and tell when that began and ended."""
    begun = time.perf_counter()
    empty.map(range(count)).wait()
    return begun, time.perf_counter()


MANNERS = {"direct": direct, "submitted": submitted, "mapped": mapped}


def measure(database: str, manner: str, count: int) -> dict[str, float]:
    """Run one flow of so many tasks."""
    recorded = Recorded(database, "task_run")
    before = peak_bytes()
    begun, ended = MANNERS[manner](count)
    stored = recorded.wait_for(count)
    return {"in_flow": ended - begun, "stored": stored - begun, "growth": peak_bytes() - before}


def peak_bytes() -> int:
    """Tell how much memory this process has had at most.

    By proc(5), not getrusage(2): what that tells begins with the size of the process that started this one.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Measure the manners that are asked for, one after the other."""
    database, *asked = sys.argv[1:]
    for manner in MANNERS:
        measure(database, manner, WARM_UPS)
    figures: dict[str, Any] = {}
    for manner, _, count in (each.partition(":") for each in asked):
        figures[manner] = measure(database, manner, int(count))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
