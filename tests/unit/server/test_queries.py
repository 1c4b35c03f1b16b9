"""Listings over rows that executors and people have written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, update

from alisio.contract.base import utc_now
from alisio.contract.deployments import DeploymentFilter, DeploymentQuery, DeploymentSpec, ScheduleSpec
from alisio.contract.ids import new_id
from alisio.contract.reports import Report
from alisio.contract.runs import (
    FlowRun,
    FlowRunCreate,
    FlowRunFilter,
    FlowRunQuery,
    FlowRunSort,
    LogFilter,
    LogQuery,
    TaskRunFilter,
    TaskRunQuery,
)
from alisio.contract.work_pools import (
    AgentBeat,
    AgentStatus,
    ClaimRequest,
    WorkPoolCreate,
    WorkPoolPatch,
    WorkPoolStatus,
    WorkQueueCreate,
)
from alisio_server.database.queries import agents as agent_queries
from alisio_server.database.queries import deployments as deployment_queries
from alisio_server.database.queries import flow_runs as run_queries
from alisio_server.database.queries import logs as log_queries
from alisio_server.database.queries import paging
from alisio_server.database.queries import task_runs as task_queries
from alisio_server.database.queries import work_pools as pool_queries
from alisio_server.database.queries import work_queues as queue_queries
from alisio_server.database.tables import agent, flow_run
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration import agents, claims, deployments, flow_runs, reports, work_pools
from alisio_server.services import Services

NOW = utc_now()


@pytest.fixture(autouse=True)
def pool(services: Services) -> None:
    """A work pool for the deployments of the test."""
    with services.transaction() as tx:
        work_pools.create_work_pool(tx, WorkPoolCreate(name="pool"))


def deploy(services: Services, name: str = "d", flow: str = "f", **more: Any) -> UUID:
    """Create a deployment in the pool."""
    spec = DeploymentSpec(flow_name=flow, name=name, entrypoint="f.py:f", work_pool_name="pool", **more)
    with services.transaction() as tx:
        return deployments.apply_deployment(tx, spec)


def run(services: Services, deployment_id: UUID, **wanted: Any) -> UUID:
    """Ask for a run."""
    with services.transaction() as tx:
        return flow_runs.create_run(tx, deployment_id, FlowRunCreate(**wanted)).id


def report(services: Services, **news: Any) -> UUID:
    """Report a run by hand."""
    run_id = new_id()
    given = {"attempt": 1, "sequence": 1, "origin": "script", "facts": {"flow_name": "by-hand"}, **news}
    with services.transaction() as tx:
        reports.apply_report(tx, run_id, Report.model_validate(given))
    return run_id


def state(kind: str, at: datetime = NOW) -> dict[str, Any]:
    """Make a state as executors report it."""
    return {"type": kind, "name": kind.capitalize(), "timestamp": at}


def find(services: Services, **wanted: Any) -> list[UUID]:
    """Find runs, oldest first."""
    query = FlowRunQuery(filter=FlowRunFilter(**wanted), sort=FlowRunSort.CREATED_ASC)
    with services.database.read() as connection:
        return [item.id for item in run_queries.filter_flow_runs(connection, query).items]


@pytest.mark.parametrize("sort", list(FlowRunSort))
def test_pages_hold_every_run_once(services: Services, sort: FlowRunSort) -> None:
    """Page after page gives each run once and in order, though many were created at the same instant."""
    deployment_id = deploy(services)
    for number in range(7):
        run(services, deployment_id, due=NOW + timedelta(minutes=number // 3))
    if sort is FlowRunSort.ENDED_DESC:
        run(services, deployment_id)  # one that has not ended is none of them
    ended = NOW if sort is FlowRunSort.ENDED_DESC else None
    with services.transaction() as tx:
        which = flow_run.c.due.in_([NOW + timedelta(minutes=minute) for minute in range(3)])
        tx.connection.execute(update(flow_run).where(which).values(created=NOW, ended=ended))
        if sort in (FlowRunSort.START_ASC, FlowRunSort.START_DESC):  # some began late
            late = update(flow_run).where(flow_run.c.due == NOW).values(started=NOW + timedelta(seconds=90))
            tx.connection.execute(late)
    seen: list[tuple[Any, UUID]] = []
    instant: Callable[[FlowRun], Any] = {
        "c": lambda item: item.created,
        "d": lambda item: item.due,
        "s": lambda item: item.started or item.due,
        "e": lambda item: item.ended,
    }[sort[0]]
    cursor = None
    with services.database.read() as connection:
        while True:
            page = run_queries.filter_flow_runs(connection, FlowRunQuery(sort=sort, limit=2, cursor=cursor))
            seen += [(instant(item), item.id) for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break

    assert 7 == len(seen)
    assert sorted(seen, reverse=sort.endswith("desc")) == seen


def test_filters_narrow_each_other(services: Services) -> None:
    """Each field of a filter narrows; a list means any of these, but tags all of these."""
    one = run(services, deploy(services, "one", tags=["a", "b"]), name="first", due=NOW + timedelta(hours=1))
    other = run(services, deploy(services, "two", "g", tags=["b"]), name="sec_nd")

    assert [one] == find(services, flow_names=["f"])
    assert [one, other] == find(services, flow_names=["f", "g"])
    assert [] == find(services, flow_names=[])
    assert [] == find(services, flow_names=["h"])
    assert [other] == find(services, deployment_names=["two"])
    assert [one, other] == find(services, work_pool_names=["pool"], work_queue_names=["default"])
    assert [] == find(services, flow_names=["f"], deployment_names=["two"])
    assert [one, other] == find(services, tags=["b"])
    assert [one] == find(services, tags=["b", "a"])
    assert [] == find(services, tags=["B"])
    assert [other] == find(services, name_contains="C_N")
    assert [] == find(services, name_contains="s_c")
    assert [one] == find(services, due_after=NOW + timedelta(minutes=30))
    assert [other] == find(services, due_before=NOW + timedelta(minutes=30))
    assert [one, other] == find(services, state_types=["SCHEDULED"], created_by="api", is_subflow=False)
    assert [] == find(services, is_subflow=True)


def test_runs_are_found_by_when_they_began(services: Services) -> None:
    """One that began late is found by that, and not by when it was due; one that has not begun is not found so."""
    late, waits = (run(services, deploy(services, name), due=NOW) for name in ("one", "two"))
    with services.transaction() as tx:
        began = update(flow_run).where(flow_run.c.id == late).values(started=NOW + timedelta(hours=2))
        tx.connection.execute(began)

    hour = NOW + timedelta(hours=1)
    assert [late] == find(services, started_after=hour)
    assert [] == find(services, started_before=hour)
    assert [late] == find(services, started_after=NOW, started_before=NOW + timedelta(hours=3))
    with services.database.read() as connection:
        listed = run_queries.filter_flow_runs(connection, FlowRunQuery(sort=FlowRunSort.START_ASC)).items
    assert [waits, late] == [item.id for item in listed]


def test_a_run_says_where_it_belongs(services: Services) -> None:
    """A run carries the names of its flow, deployment, pool and queue, and its state."""
    run_id = run(services, deploy(services), parameters={"x": 1})
    with services.database.read() as connection:
        found = run_queries.get_flow_run(connection, run_id)
        states = run_queries.get_flow_run_states(connection, run_id)

    names = (found.flow_name, found.deployment_name, found.work_pool_name, found.work_queue_name)
    assert ("f", "d", "pool", "default") == names
    assert ({"x": 1}, [found.state]) == (found.parameters, states)


def test_counts_are_exact_up_to_their_cap(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the cap a count is exact; beyond it the cap is given and said to be one."""
    deployment_id = deploy(services)
    for _ in range(3):
        run(services, deployment_id)
    monkeypatch.setattr(paging, "MAX_COUNT", 3)
    with services.database.read() as connection:
        exact = run_queries.count_flow_runs(connection, FlowRunFilter())
    run(services, deployment_id)
    with services.database.read() as connection:
        capped = run_queries.count_flow_runs(connection, FlowRunFilter())

    assert [(3, False), (3, True)] == [(exact.count, exact.capped), (capped.count, capped.capped)]


def test_a_listing_costs_the_same_for_many_rows(services: Services) -> None:
    """Names and schedules are joined: two statements for a page of deployments, however many there are."""
    for number in range(5):
        deploy(services, f"d{number}", schedules=[ScheduleSpec(cron="0 * * * *"), ScheduleSpec(interval_seconds=60)])
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(services.database.engine, "before_cursor_execute", note)
    with services.database.read() as connection:
        page = deployment_queries.filter_deployments(connection, DeploymentQuery())

    assert [2] * 5 == [len(item.schedules) for item in page.items]
    assert 2 == len([statement for statement in statements if statement.startswith("SELECT")])


def test_schedules_say_when_they_are_due(services: Services) -> None:
    """An active schedule tells its next time; of a paused deployment, or when paused itself, it tells none."""
    deploy(
        services,
        schedules=[
            ScheduleSpec(slug="hourly", cron="0 * * * *"),
            ScheduleSpec(slug="off", cron="0 * * * *", active=False),
        ],
    )
    with services.database.read() as connection:
        found = deployment_queries.get_deployment_by_name(connection, "f", "d")
    hourly, off = found.schedules
    with services.transaction() as tx:
        deployments.pause_deployment(tx, found.id)
    with services.database.read() as connection:
        paused = deployment_queries.get_deployment(connection, found.id)

    assert hourly.next_due is not None and NOW < hourly.next_due <= NOW + timedelta(hours=2)
    assert 0 == hourly.next_due.minute
    assert off.next_due is None
    assert [None, None] == [schedule.next_due for schedule in paused.schedules]


def test_deployments_by_what_they_are(services: Services) -> None:
    """Deployments are found by flow, name, pool, tags and whether they are paused, in the order of their names."""
    ids = [deploy(services, "b", "f"), deploy(services, "a", "g", tags=["x"]), deploy(services, "a", "f")]

    def names(**wanted: Any) -> list[UUID]:
        query = DeploymentQuery(filter=DeploymentFilter(**wanted))
        with services.database.read() as connection:
            return [item.id for item in deployment_queries.filter_deployments(connection, query).items]

    assert [ids[2], ids[0], ids[1]] == names()
    assert [ids[1]] == names(tags=["x"], paused=False, work_pool_names=["pool"])
    assert [] == names(paused=True)


def test_task_runs_tell_their_history(services: Services) -> None:
    """A task run has its states, when it started and when it ended; pages follow the order in which they began."""
    later = NOW + timedelta(seconds=2)
    first_id, second_id = sorted((new_id(), new_id()))
    news = [
        {
            "id": first_id,
            "task_key": "m.t",
            "name": "t-0",
            "index": 0,
            "states": [state("RUNNING"), state("FAILED", later)],
        },
        {"id": second_id, "task_key": "m.t", "name": "t-1", "index": 1, "tags": ["a"], "states": [state("RUNNING")]},
    ]
    run_id = report(services, states=[state("RUNNING")], task_runs=news)
    with services.database.read() as connection:
        query = TaskRunQuery(filter=TaskRunFilter(flow_run_ids=[run_id]), limit=1)
        first = task_queries.filter_task_runs(connection, query)
        second = task_queries.filter_task_runs(connection, query.model_copy(update={"cursor": first.next_cursor}))
        tagged = task_queries.filter_task_runs(connection, TaskRunQuery(filter=TaskRunFilter(tags=["a"])))

    done, running = first.items[0], second.items[0]
    assert (["RUNNING", "FAILED"], NOW, later) == ([item.type for item in done.states], done.started, done.ended)
    assert ("t-1", None, None) == (running.name, running.ended, second.next_cursor)
    assert [running.id] == [item.id for item in tagged.items]


def test_logs_can_be_followed(services: Services) -> None:
    """While it follows, a page always has a cursor, and the next page has just the lines that came since."""
    lines = [{"timestamp": NOW, "level": level, "logger": "x", "message": f"line {level}"} for level in (10, 20, 30)]
    empty = LogQuery(filter=LogFilter(flow_run_ids=[new_id()]), follow=True)
    run_id = report(services, states=[state("RUNNING")], logs=lines)
    query = LogQuery(filter=LogFilter(flow_run_ids=[run_id], level_at_least=20), follow=True, limit=1)
    with services.database.read() as connection:
        nothing = log_queries.filter_logs(connection, empty)
        pages = [log_queries.filter_logs(connection, query)]
        for _ in range(2):
            pages.append(
                log_queries.filter_logs(connection, query.model_copy(update={"cursor": pages[-1].next_cursor}))
            )
        plain = log_queries.filter_logs(connection, LogQuery(filter=LogFilter(message_contains="LINE 3")))

    assert [["line 20"], ["line 30"], []] == [[line.message for line in page.items] for page in pages]
    assert pages[1].next_cursor == pages[2].next_cursor
    assert ([], True) == (nothing.items, nothing.next_cursor is not None)
    assert (["line 30"], None) == ([line.message for line in plain.items], plain.next_cursor)


def test_pools_tell_whether_runs_would_start(services: Services) -> None:
    """A pool is ready while an agent was heard of in the last minute, and counts the runs that are held."""
    agent_id = new_id()
    told = AgentBeat(name="a", work_pool_name="pool", host="h", pid=1, version="1")

    def look() -> tuple[WorkPoolStatus, int, AgentStatus | None]:
        database = services.database
        with database.read() as connection:
            found = pool_queries.get_work_pool(database, connection, "pool")
            heard = agent_queries.list_agents(database, connection, "pool", limit=1, cursor=None).items
        return found.status, found.slots_in_use, heard[0].status if heard else None

    assert (WorkPoolStatus.NOT_READY, 0, None) == look()

    run(services, deploy(services))
    with services.transaction() as tx:
        agents.beat(tx, agent_id, told)
        claims.claim_runs(tx, "pool", ClaimRequest(claim_id=new_id(), agent_id=agent_id), str)
    assert (WorkPoolStatus.READY, 1, AgentStatus.ONLINE) == look()

    with services.transaction() as tx:
        tx.connection.execute(update(agent).values(last_seen=NOW - timedelta(seconds=90)))
    assert (WorkPoolStatus.NOT_READY, 1, AgentStatus.OFFLINE) == look()

    with services.transaction() as tx:
        work_pools.change_work_pool(tx, "pool", WorkPoolPatch(paused=True))
    assert (WorkPoolStatus.PAUSED, 1, AgentStatus.OFFLINE) == look()


def test_queues_tell_what_waits(services: Services) -> None:
    """Queues come in the order in which they are served, and count the runs that are overdue."""
    with services.transaction() as tx:
        work_pools.create_work_queue(tx, "pool", WorkQueueCreate(name="urgent", priority=1))
    deployment_id = deploy(services)
    for seconds in (3_600, -60, -120):
        run(services, deployment_id, due=NOW + timedelta(seconds=seconds))
    database = services.database
    with database.read() as connection:
        page = queue_queries.list_work_queues(database, connection, "pool", limit=10, cursor=None)
        ids = queue_queries.get_queue_ids(connection, "pool", ["default"])

    assert [("urgent", 0), ("default", 2)] == [(item.name, item.late) for item in page.items]
    assert [page.items[1].id] == ids


def test_a_part_of_the_names_of_too_many_deployments(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are found by what their deployment's name contains, unless more names contain it than a filter may name."""
    monkeypatch.setattr(run_queries, "MAX_PAGE", 1)
    first = run(services, deploy(services, "daily-a"))
    deploy(services, "daily-b")

    assert [first] == find(services, deployment_name_contains="Y-A")
    assert [] == find(services, deployment_name_contains="weekly")
    with pytest.raises(InvalidInputError, match="more than 1 deployments contain 'daily': say more of them"):
        find(services, deployment_name_contains="daily")
