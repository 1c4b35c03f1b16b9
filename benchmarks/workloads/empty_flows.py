"""Flows that do nothing, many in one process: one after another, or all at once.

Usage: `empty_flows.py DATABASE MANNER:COUNT …`; prints, by manner, the seconds a flow until all of them are stored.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from product import flow
from recorded import Recorded

WARM_UPS = 2


@flow
def empty() -> None:
    """Do nothing."""


@flow
async def empty_async() -> None:
    """Do nothing."""


def run_in_turn(count: int) -> None:
    """Call the synchronous flow again and again."""
    for _ in range(count):
        empty()


def run_on_threads(count: int) -> None:
    """Call the synchronous flow on so many threads at once."""
    with ThreadPoolExecutor(count) as pool:
        for call in [pool.submit(empty) for _ in range(count)]:
            call.result()


async def await_in_turn(count: int) -> None:
    """Await the asynchronous flow again and again."""
    for _ in range(count):
        await empty_async()


async def gather(count: int) -> None:
    """Await so many runs of the asynchronous flow at once."""
    await asyncio.gather(*(empty_async() for _ in range(count)))


MANNERS = {
    "sync": run_in_turn,
    "threads": run_on_threads,
    "async": lambda count: asyncio.run(await_in_turn(count)),
    "gather": lambda count: asyncio.run(gather(count)),
}


def main() -> None:
    """Measure the manners that are asked for, one after the other."""
    database, *asked = sys.argv[1:]
    warm_ups = Recorded(database, "flow_run")
    for run in MANNERS.values():
        run(WARM_UPS)
    warm_ups.wait_for(WARM_UPS * len(MANNERS))
    seconds = {}
    for manner, count in ((manner, int(count)) for manner, _, count in (each.partition(":") for each in asked)):
        recorded = Recorded(database, "flow_run")
        begun = time.perf_counter()
        MANNERS[manner](count)
        seconds[manner] = (recorded.wait_for(count) - begun) / count
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
