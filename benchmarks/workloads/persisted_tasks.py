"""Tasks in one flow, the result of each of them stored before the next one starts. DBOS does that with every step.

Usage: `persisted_tasks.py DATABASE COUNT`; prints `in_flow` and `stored`, the seconds until the flow has all results
and until all task runs are stored as well. DBOS stores a step and its result in one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from product import NAME, close, flow, launch, task
from recorded import Recorded

WARM_UPS = 20
HOMES = {"alisio": "ALISIO_HOME", "prefect": "PREFECT_HOME"}
OPTIONS = {"persist_result": True} if NAME in HOMES else {}


@task(**OPTIONS)
def double(number: int) -> int:
    """Do next to nothing."""
    return 2 * number


@flow()
def stored(count: int) -> list[float]:
    """Call the task again and again, and tell when that began and ended."""
    begun = time.perf_counter()
    for number in range(count):
        double(number)
    return [begun, time.perf_counter()]


def results_in(database: str) -> int:
    """Count the stored results: files, or steps of DBOS."""
    if NAME in HOMES:
        return sum(path.is_file() for path in Path(os.environ[HOMES[NAME]], "storage").rglob("*"))
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT count(*) FROM operation_outputs WHERE output IS NOT NULL"
        return int(connection.execute(query).fetchone()[0])


def measure(database: str, count: int) -> dict[str, float]:
    """Run one flow of so many tasks.

    Raises:
        RuntimeError: Not every result is stored.
    """
    before, recorded = results_in(database), Recorded(database, "task_run")
    begun, ended = stored(count)
    all_stored = recorded.wait_for(count) if NAME in HOMES else ended
    if (found := results_in(database) - before) != count:
        raise RuntimeError(f"{count} results were to be stored, but {found} are")
    return {"in_flow": ended - begun, "stored": all_stored - begun}


def main() -> None:
    """Measure once, warm."""
    database, count = sys.argv[1:]
    launch()
    measure(database, WARM_UPS)
    print(json.dumps(measure(database, int(count))))
    close()


if __name__ == "__main__":
    main()
