"""Listing, filtering, counting and the history of runs: 10,000 on SQLite, and 1,000,000 on PostgreSQL.

A sample is the p99 of 100 requests of one client, which go through the kinds of requests of a figure in turn: the
slowest of four or five kinds cannot hide in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any

from benchmarks.databases import postgres
from benchmarks.figure import Figure, Row
from benchmarks.generated import BULK_SETTINGS, POOL, Homes, fill
from benchmarks.load import Request, send_each
from benchmarks.stacks import Stack, stack

FEW, MANY = 10_000, 1_000_000
ROUNDS, WARM_UPS, REQUESTS = 7, 1, 100
P99 = 50.0


def _kinds(homes: Homes, runs: int) -> dict[str, list[Request]]:
    now = datetime.now(UTC)
    yesterday = {"due_after": _ago(now, days=1.5), "due_before": _ago(now, days=1)}
    deployment = {"deployment_ids": [str(homes.deployment_ids[7])]}
    filters: list[dict[str, Any]] = [
        {"state_types": ["FAILED"]},
        {"state_types": ["FAILED"], "flow_names": ["flow-7"]},
        {"tags": ["nightly"]},
        {"tags": ["team-7"]},
        {"tags": [f"case-{runs // 2 + _place_of_case(runs // 2)}"]},
        {"names": [f"backfill-{runs // 2 + 50}"]},
        {"name_contains": "FILL-50"},
        {"work_pool_names": [POOL], "state_types": ["CRASHED"]},
        deployment,
        deployment | {"state_types": ["FAILED"], "tags": ["nightly"]},
        yesterday,
        yesterday | {"state_types": ["FAILED"]},
    ]
    listed = [{"sort": sort} for sort in ("created_desc", "created_asc", "due_desc", "due_asc")]
    # As a dashboard asks: its buckets begin with an hour, and hours that are counted lie in one bucket.
    hour = now.replace(minute=0, second=0, microsecond=0)
    month = {"start": _ago(hour, days=30), "end": now.isoformat(), "bucket_seconds": 86_400}
    day = {"start": _ago(hour, days=1), "end": now.isoformat(), "bucket_seconds": 3_600}
    histories = [month, month | {"bucket_seconds": 6 * 3_600}, month | {"filter": deployment}, day]
    return {
        "list": [Request("flow-runs/filter", body) for body in listed],
        "filter": [Request("flow-runs/filter", {"filter": which}) for which in filters],
        "count": [Request("flow-runs/count", which) for which in [{}, *filters]],
        "history": [Request("flow-runs/history", body) for body in histories],
    }


def _place_of_case(number: int) -> int:
    """Find how far after a number the next run with a tag of its own is."""
    return next(place for place in range(1_000) if (number + place) * 37 % 1_000 == 999)


def _ago(now: datetime, days: float) -> str:
    return (now - timedelta(days=days)).isoformat()


def _sample(running: Stack, requests: list[Request]) -> float:
    return send_each(running, list(islice(cycle(requests), REQUESTS))).percentile(0.99)


def _figures(running: Stack, runs: int, where: str) -> Iterator[Figure]:
    homes = fill(running.database_url, runs)
    stored = running.read("SELECT count(*) FROM flow_run")[0][0]
    if stored != runs:
        raise RuntimeError(f"{runs} runs were generated; the database holds {stored}")
    for name, requests in _kinds(homes, runs).items():
        samples = [_sample(running, requests) for _ in range(WARM_UPS + ROUNDS)][WARM_UPS:]
        yield Figure(f"{name}, {runs:,} runs on {where}: p99", "ms", samples, budget=P99)


def _measure() -> Iterator[Figure]:
    with stack() as running:
        yield from _figures(running, FEW, "SQLite")
    with postgres(BULK_SETTINGS) as server, stack(database=server.create_database(empty=True)) as running:
        yield from _figures(running, MANY, "PostgreSQL")


ROW = Row("list", _measure)
