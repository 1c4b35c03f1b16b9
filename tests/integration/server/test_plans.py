"""How PostgreSQL answers listings, counts and histories: by reading few rows of many, whatever they are narrowed by.

There are 200,000 runs here, which takes some seconds: enough that the planner chooses as it does for the million of the
benchmark `list`. What is held is how many rows of `flow_run` a request reads, as EXPLAIN ANALYZE counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, update

from alisio.contract.base import utc_now
from alisio.contract.history import FlowRunHistoryQuery
from alisio.contract.runs import FlowRunFilter, FlowRunQuery, FlowRunSort
from alisio_server.database.engine import Database
from alisio_server.database.queries.flow_runs import count_flow_runs, filter_flow_runs
from alisio_server.database.queries.history import read_history
from alisio_server.database.tables import deployment
from alisio_server.orchestration.deployment_limits import full_deployments
from alisio_server.services import Transaction
from benchmarks.generated import POOL, Homes, fill
from tests.postgres import Postgres

RUNS = 200_000
LISTED = 8_000
COUNTED = 45_000  # to find the 10,001 of them that a count stops at, where a fourth match
NOW = utc_now().replace(minute=0, second=0, microsecond=0)
EARLIER = {"due_after": NOW - timedelta(hours=36), "due_before": NOW - timedelta(hours=24)}
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "state": {"state_types": ["FAILED"]},
    "waiting": {"state_types": ["SCHEDULED"]},
    "name of a state": {"state_names": ["Late"]},
    "flow and state": {"flow_names": ["flow-7"], "state_types": ["FAILED"]},
    "deployment": {"deployment_names": ["deployment-7"]},
    "deployment, state and tag": {"deployment_names": ["deployment-7"], "state_types": ["FAILED"], "tags": ["nightly"]},
    "pool and state": {"work_pool_names": [POOL], "state_types": ["CRASHED"]},
    "frequent tag": {"tags": ["nightly"]},
    "tag": {"tags": ["team-7"]},
    "two tags": {"tags": ["team-7", "extra"]},
    "tag that no run has": {"tags": ["nothing"]},
    "name": {"names": ["backfill-100050"]},
    "part of a name": {"name_contains": "FILL-1000"},
    "part that no name has": {"name_contains": "nothing"},
    "time": EARLIER,
    "time and state": EARLIER | {"state_types": ["FAILED"]},
    "start": {"started_after": EARLIER["due_after"], "started_before": EARLIER["due_before"]},
    "start and state": {"started_before": EARLIER["due_before"], "state_types": ["FAILED"]},
    "end": {"ended_after": EARLIER["due_after"], "ended_before": EARLIER["due_before"]},
    "end and state": {"ended_before": EARLIER["due_before"], "state_types": ["FAILED"]},
    "part of a deployment's name": {"deployment_name_contains": "MENT-7"},
    "origin that is rare": {"created_by": "backfill"},
    "subflows": {"is_subflow": True},
}


@dataclass
class Explained:
    """Statements, as they are executed."""

    connection: Connection
    statements: list[tuple[str, Any]] = field(default_factory=list)

    def rows_read(self, ask: Callable[[Connection], object]) -> int:
        """Ask, and count the rows of `flow_run` that the statements of it read."""
        self.statements.clear()
        ask(self.connection)
        return sum(self._rows(statement, values) for statement, values in list(self.statements))

    def _rows(self, statement: str, values: Any) -> int:
        explain = self.connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        return round(rows_of(explain.scalar_one()[0]["Plan"]))


def rows_of(node: dict[str, Any]) -> float:
    """Add up the rows that a plan reads of `flow_run`, those that it drops too."""
    below: float = sum(rows_of(child) for child in node.get("Plans", []))
    if node.get("Relation Name") != "flow_run":
        return below
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    rows: float = (node["Actual Rows"] + dropped) * node["Actual Loops"]
    return below + rows


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Iterator[tuple[Database, Homes]]:
    """A database with many runs."""
    with postgres.database(empty=True) as url:
        homes = fill(url, RUNS)
        database = Database(url)
        yield database, homes
        database.dispose()


@pytest.fixture
def explained(filled: tuple[Database, Homes]) -> Iterator[Explained]:
    """A connection to it that remembers what it is asked."""
    with filled[0].read() as connection:
        explained = Explained(connection)

        @event.listens_for(connection, "before_cursor_execute")
        def _remember(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            explained.statements.append((statement, values))

        yield explained


@pytest.mark.parametrize("kind", FILTERS)
def test_a_page_reads_few_runs(explained: Explained, kind: str) -> None:
    """Of 200,000, to give the newest 50 that a filter finds."""
    query = FlowRunQuery(filter=FlowRunFilter(**FILTERS[kind]))

    assert LISTED > explained.rows_read(lambda connection: filter_flow_runs(connection, query))


@pytest.mark.parametrize("sort", FlowRunSort)
def test_an_order_needs_no_sorting(explained: Explained, sort: FlowRunSort) -> None:
    """The next page neither: an index has the order, and the cursor the place in it."""
    cursor = filter_flow_runs(explained.connection, FlowRunQuery(sort=sort)).next_cursor
    query = FlowRunQuery(sort=sort, cursor=cursor)

    assert 60 > explained.rows_read(lambda connection: filter_flow_runs(connection, query))


@pytest.mark.parametrize("kind", FILTERS)
def test_a_count_reads_no_more_than_it_must(explained: Explained, kind: str) -> None:
    """It stops at 10,001."""
    which = FlowRunFilter(**FILTERS[kind])

    assert COUNTED > explained.rows_read(lambda connection: count_flow_runs(connection, which))


@pytest.mark.parametrize("which", [{}, {"work_pool_names": [POOL]}, {"flow_names": ["flow-7"]}, {"is_subflow": False}])
def test_a_month_is_added_up(explained: Explained, which: dict[str, Any]) -> None:
    """Only the runs of the last hours are read themselves."""
    start, end = NOW - timedelta(days=29), NOW + timedelta(hours=1)
    query = FlowRunHistoryQuery(filter=FlowRunFilter(**which), start=start, end=end, bucket_seconds=86_400)

    assert LISTED > explained.rows_read(lambda connection: read_history(connection, query))
    told = sum(sum(bucket.runs.values()) for bucket in read_history(explained.connection, query).buckets)
    assert 0.9 * RUNS / (50 if "flow_names" in which else 1) < told


def test_deployments_with_a_limit_are_asked_for_what_is_due(
    explained: Explained, filled: tuple[Database, Homes]
) -> None:
    """A tick does not look through all the runs that they ever had."""
    with filled[0].write() as connection:
        connection.execute(update(deployment).values(concurrency_limit=1))

    def ask(connection: Connection) -> list[UUID]:
        return full_deployments(Transaction(connection, filled[0]), NOW - timedelta(days=400))

    assert LISTED > explained.rows_read(ask)
