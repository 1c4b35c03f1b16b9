"""One tick over 10,000 schedules, each of a deployment of its own and due once an hour.

In the first figure every schedule is dealt with, and the runs of the next quarter of an hour are made for a fourth of
them: the tick after an outage. In the second one nothing is to be made. It is the server's own code, called here.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio_server.adapters.laptop.silence import Silence
from alisio_server.database.tables import deployment, flow, flow_run, schedule, work_pool, work_queue
from alisio_server.embedded import open_services
from alisio_server.orchestration.tick import tick
from alisio_server.services import Services
from alisio_server.settings import ServerSettings
from benchmarks.databases import postgres
from benchmarks.figure import Figure, Row

SCHEDULES = 10_000
# A tick that makes 2,500 runs takes seconds.
MAKING_TICKS, IDLE_TICKS, WARM_UPS = 3, 7, 1
BUDGET_SECONDS = 10.0


def _fill(services: Services) -> None:
    now = utc_now()
    flow_id, pool_id, queue_id = new_id(), new_id(), new_id()
    ids = [new_id() for _ in range(SCHEDULES)]
    home = {"flow_id": flow_id, "work_queue_id": queue_id, "entrypoint": "a.py:a", "created": now, "updated": now}
    policy = {"catch_up": "latest", "overlap": "allow", "materialised_until": now}
    rows: list[tuple[Any, list[dict[str, Any]]]] = [
        (flow, [{"id": flow_id, "name": "bench", "created": now}]),
        (work_pool, [{"id": pool_id, "name": "bench", "type": "process", "created": now}]),
        (work_queue, [{"id": queue_id, "work_pool_id": pool_id, "name": "default", "created": now}]),
        (deployment, [{"id": id_, "name": f"bench-{number}", **home} for number, id_ in enumerate(ids)]),
        (
            schedule,
            [
                {"id": new_id(), "deployment_id": id_, "slug": "hourly", "cron": f"{number % 60} * * * *", **policy}
                for number, id_ in enumerate(ids)
            ],
        ),
    ]
    with services.transaction() as tx:
        for table, values in rows:
            tx.connection.execute(insert(table), values)


def _seconds(services: Services) -> float:
    begun = time.perf_counter()
    summary = tick(services)
    elapsed = time.perf_counter() - begun
    if summary.failed:
        raise RuntimeError(f"parts of the tick failed: {summary.failed}")
    return elapsed


def _making_seconds(services: Services) -> float:
    """Forget all that was made, and give how long a tick takes that makes it."""
    with services.transaction() as tx:
        tx.connection.execute(delete(flow_run))
        tx.connection.execute(update(schedule).values(materialised_until=tx.now() - timedelta(seconds=1)))
    making = _seconds(services)
    with services.database.read() as connection:
        made = connection.execute(select(func.count()).select_from(flow_run)).scalar_one()
    # A quarter of an hour holds 15 or 16 of the 60 minutes.
    if not SCHEDULES // 60 * 14 < made < SCHEDULES // 60 * 18:
        raise RuntimeError(f"the tick made {made} runs for {SCHEDULES} hourly schedules")
    return making


def _figures(url: str, where: str) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        services = open_services(ServerSettings(database_url=url, home=Path(folder)), Silence())
        try:
            _fill(services)
            making = [_making_seconds(services) for _ in range(WARM_UPS + MAKING_TICKS)][WARM_UPS:]
            idle = [_seconds(services) for _ in range(WARM_UPS + IDLE_TICKS)][WARM_UPS:]
        finally:
            services.database.dispose()
    label = f"tick over {SCHEDULES:,} schedules, {where}"
    yield Figure(f"{label}: all to be made", "s", making, budget=BUDGET_SECONDS)
    yield Figure(f"{label}: nothing to be made", "s", idle, budget=BUDGET_SECONDS)


def _measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        yield from _figures(f"sqlite:///{folder}/alisio.db", "SQLite")
    with postgres() as server:
        yield from _figures(server.create_database(empty=True), "PostgreSQL")


ROW = Row("tick", _measure)
