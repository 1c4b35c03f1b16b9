"""The history of runs: however they were counted, the numbers are those that the runs themselves give."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, delete, func, insert, select, update

from alisio.contract.base import utc_now
from alisio.contract.history import FlowRunHistory, FlowRunHistoryQuery
from alisio.contract.ids import new_id
from alisio.contract.reports import SubflowNews
from alisio.contract.runs import FlowRunFilter
from alisio.contract.states import StateType
from alisio_server.database.queries.history import read_history
from alisio_server.database.tables import clockwork, deployment, flow_run, hourly_runs, stale_hour
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.deployments import delete_deployment
from alisio_server.orchestration.flows import delete_flow
from alisio_server.orchestration.hourly_counts import count_hours
from alisio_server.orchestration.removal import delete_run
from tests.integration.orchestration.world import World, by_hand

HOUR = 3_600
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def yesterday(world: World) -> None:
    """The time is a while ago, as triggers go by the real clock: what is due then is in the past for them."""
    world.database.time = (utc_now() - timedelta(days=20)).replace(minute=0, second=0, microsecond=0)
    world.beat()


def history(world: World, hours: int = 48, step: int = DAY, **wanted: Any) -> FlowRunHistory:
    """Read the history of the last hours, in buckets of a day."""
    query = FlowRunHistoryQuery(
        filter=FlowRunFilter(**wanted),
        start=world.now - timedelta(hours=hours),
        end=world.now + timedelta(hours=1),
        bucket_seconds=step,
    )
    with world.database.read() as connection:
        return read_history(connection, query)


def totals(told: FlowRunHistory) -> dict[str, int]:
    """Add the buckets up, by state."""
    sums: Counter[str] = Counter()
    for bucket in told.buckets:
        sums.update({state.value: runs for state, runs in bucket.runs.items()})
    return dict(sums)


def counted(world: World) -> int:
    """Add up what was counted beforehand, of all runs."""
    with world.database.read() as connection:
        total = select(func.coalesce(func.sum(hourly_runs.c.runs), 0)).where(hourly_runs.c.scope_id == UUID(int=0))
        return int(connection.execute(total).scalar_one())


def uncounted(world: World, **wanted: Any) -> FlowRunHistory:
    """Read the history as if nothing were counted beforehand; everything is put back."""
    with world.database.engine.connect() as connection:
        connection.execute(update(clockwork).values(runs_counted_until=None))
        query = FlowRunHistoryQuery(
            filter=FlowRunFilter(**wanted),
            start=world.now - timedelta(hours=48),
            end=world.now + timedelta(hours=1),
            bucket_seconds=DAY,
        )
        told = read_history(connection, query)
        connection.rollback()
        return told


def completed(world: World, deployment_id: UUID) -> UUID:
    """Make a run of a deployment and run it to its end."""
    run_id = world.run(deployment_id)
    world.claim()
    world.report(run_id, 1, StateType.RUNNING)
    world.report(run_id, 2, StateType.COMPLETED)
    return run_id


def settle(world: World) -> None:
    """Let three hours pass, so that what was done is counted; somebody is always there."""
    world.pass_time(3 * HOUR)
    world.tick()
    world.beat()


def test_hours_that_are_over_are_counted(world: World) -> None:
    """Three hours later the runs are counted beforehand, and the history says the same as before."""
    daily = world.deploy()
    completed(world, daily)
    world.run(daily)
    world.tick()
    assert 0 == counted(world)
    before = totals(history(world))

    settle(world)

    assert 2 == counted(world)
    assert {"COMPLETED": 1, "SCHEDULED": 1} == before == totals(history(world))


def test_empty_hours_are_passed_over(world: World) -> None:
    """A database without runs for years is counted at once, up to the last hour that is over."""
    completed(world, world.deploy())
    settle(world)
    world.database.time = utc_now() + timedelta(days=4_000)
    world.tick()

    (row,) = world.rows(clockwork)
    assert timedelta(hours=4) > world.now - timedelta(hours=row.runs_counted_until) - datetime.fromtimestamp(
        0, world.now.tzinfo
    )


def test_a_retried_run_moves_to_its_new_time(world: World) -> None:
    """It is counted once: where it is due now."""
    run_id = completed(world, world.deploy())
    settle(world)
    world.pass_time(DAY)
    world.retry(run_id)

    yesterday, today = history(world, hours=36, step=int(1.5 * DAY)).buckets[0], history(world, hours=1).buckets[0]

    assert {StateType.SCHEDULED: 1} == yesterday.runs | today.runs
    assert {"SCHEDULED": 1} == totals(history(world))
    world.tick()
    assert (0, {"SCHEDULED": 1}) == (counted(world), totals(history(world)))


def test_a_run_that_goes_on_for_long_is_told_as_it_ends(world: World) -> None:
    """Counted as RUNNING in its hour, it is COMPLETED there in the moment in which it ends."""
    run_id = world.started()
    world.pass_time(5 * HOUR)
    world.report(run_id, 2)
    world.tick()
    assert (1, {"RUNNING": 1}) == (counted(world), totals(history(world)))

    world.report(run_id, 3, StateType.COMPLETED)

    assert {"COMPLETED": 1} == totals(history(world))
    world.tick()
    assert (1, {"COMPLETED": 1}) == (counted(world), totals(history(world)))


def test_a_run_that_comes_back_is_running_again(world: World) -> None:
    """A CRASHED that was provisional is not counted any more when its executor returns."""
    run_id = world.started()
    settle(world)
    settle(world)
    assert (1, {"CRASHED": 1}) == (counted(world), totals(history(world)))

    world.report(run_id, 2)

    assert {"RUNNING": 1} == totals(history(world))


@pytest.mark.parametrize("what", ["run", "deployment", "flow", "retention"])
def test_what_is_deleted_is_not_counted(world: World, what: str) -> None:
    """By whichever way it goes, by a cascade too; and a deployment that is gone has no runs."""
    daily = world.deploy()
    run_id = completed(world, daily)
    settle(world)
    assert {"COMPLETED": 1} == totals(history(world, deployment_ids=[daily]))

    (row,) = world.rows(flow_run)
    if what == "run":
        world.do(delete_run, run_id)
    elif what == "deployment":
        world.do(delete_deployment, daily)
    elif what == "flow":
        world.do(delete_flow, row.flow_id)
    else:
        world.pass_time(365 * DAY)
        world.tick()

    kept = {"COMPLETED": 1} if what == "deployment" else {}
    for _ in range(2):
        assert {} == totals(history(world, hours=400 * 24, step=10 * DAY, deployment_ids=[daily]))
        assert kept == totals(history(world, hours=400 * 24, step=10 * DAY))
        world.tick()


@pytest.mark.parametrize("wanted", [
    {}, {"flow_names": ["tide"]}, {"deployment_names": ["daily"]}, {"work_pool_names": ["shore"]},
    {"work_queue_names": ["default"]}, {"is_subflow": True}, {"is_subflow": False}, {"state_types": ["COMPLETED"]},
    {"flow_names": ["ebb", "tide"], "is_subflow": False}, {"flow_names": ["nobody"]}, {"state_types": []},
    {"flow_names": ["tide"], "deployment_names": ["weekly"]}, {"tags": ["a"]}, {"created_by": "script"},
])  # fmt: skip
def test_filters_narrow_as_they_do_in_listings(world: World, wanted: dict[str, Any]) -> None:
    """Whether they can be answered from the counts or not."""
    completed(world, world.deploy(tags=["a"]))
    completed(world, world.deploy(name="weekly"))
    news = SubflowNews(id=new_id(), flow_name="ebb", name="low", states=[world.state(StateType.COMPLETED)])
    by_hand(world, new_id(), 1, StateType.RUNNING, StateType.FAILED, subflows=[news])
    settle(world)
    assert 4 == counted(world)

    assert uncounted(world, **wanted) == history(world, **wanted)


def test_buckets_need_not_begin_with_an_hour(world: World) -> None:
    """An hour that lies in two buckets is divided between them."""
    daily = world.deploy()
    for _ in range(12):
        world.pass_time(600)
        completed(world, daily)
    settle(world)
    assert 12 == counted(world)

    told = history(world, hours=6, step=5_400)

    expected = Counter((row.due - told.buckets[0].start) // timedelta(seconds=5_400) for row in world.rows(flow_run))
    assert dict(expected) == {
        number: bucket.runs[StateType.COMPLETED] for number, bucket in enumerate(told.buckets) if bucket.runs
    }


def test_the_last_bucket_ends_with_the_span(world: World) -> None:
    """Where the span is no multiple of the buckets."""
    told = history(world, hours=2, step=7_000)

    assert [7_000, 3_800] == [(bucket.end - bucket.start).total_seconds() for bucket in told.buckets]


def test_a_change_that_is_not_committed_while_its_hour_is_counted_is_seen_later(world: World) -> None:
    """The count does not see it, and its note stays for the next one."""
    if world.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    run_id = completed(world, world.deploy())
    settle(world)
    with world.database.write() as connection:
        connection.execute(insert(stale_hour).values(hour=0))
        connection.execute(insert(stale_hour).values(hour=int(world.read(run_id).due.timestamp()) // HOUR))
    with world.database.write() as connection:
        connection.execute(update(flow_run).where(flow_run.c.id == run_id).values(state_type=StateType.FAILED))
        world.tick()
        assert {"COMPLETED": 1} == totals(history(world))

    assert {"FAILED": 1} == totals(history(world))
    world.tick()
    assert ([], {"FAILED": 1}) == (world.rows(stale_hour), totals(history(world)))


def test_a_run_before_1970_is_told_once(world: World) -> None:
    """Its hour is noted and counted as any other, and yet read from the runs alone."""
    run_id = completed(world, world.deploy())
    settle(world)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    with world.database.write() as connection:
        connection.execute(update(flow_run).where(flow_run.c.id == run_id).values(due=epoch - timedelta(hours=12)))
    world.tick()
    query = FlowRunHistoryQuery(start=epoch - timedelta(days=1), end=epoch + timedelta(days=1), bucket_seconds=DAY)
    with world.database.read() as connection:
        assert {"COMPLETED": 1} == totals(read_history(connection, query))


def test_ticks_at_once_count_once(world: World) -> None:
    """Four ticks at the same moment, and once more, leave the same numbers."""
    daily = world.deploy()
    world.tick()
    for _ in range(10):
        completed(world, daily)
        world.pass_time(HOUR)
    world.pass_time(3 * HOUR)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: count_hours(world.services), range(4)))

    assert (10, {"COMPLETED": 10}) == (counted(world), totals(history(world)))
    assert 0 == count_hours(world.services)


def test_a_clock_that_was_put_back_loses_nothing(world: World) -> None:
    """What was counted of hours that are to come once more is counted again when they are over."""
    world.database.time = utc_now()
    run_id = world.run(world.deploy())
    world.database.time += timedelta(hours=9)
    world.tick()
    assert 1 == counted(world)
    world.database.time -= timedelta(hours=9)
    world.tick()
    world.cancel(run_id)

    assert (0, {"CANCELLED": 1}) == (counted(world), totals(history(world)))


def test_a_span_must_be_one(world: World) -> None:
    """An end before the start, and more than 500 buckets, are refused with the field's name."""
    for fields, field in (
        ({"end": world.now}, "end"),
        ({"end": world.now + timedelta(seconds=5_001), "bucket_seconds": 10}, "bucket_seconds"),
    ):
        query = FlowRunHistoryQuery(**{"start": world.now, "bucket_seconds": 60, **fields})
        with world.database.read() as connection, pytest.raises(InvalidInputError) as caught:
            read_history(connection, query)
        assert field == caught.value.field


def test_random_changes_are_all_seen(world: World) -> None:
    """Whatever is done to rows, in whichever order, with counts between, the sums are those of the rows."""
    daily, weekly = world.deploy(), world.deploy(name="weekly")
    world.tick()
    dice = random.Random(7)
    for _ in range(40):
        with world.database.write() as connection:
            change(connection, world, dice, [daily, weekly])
        if dice.random() < 0.5:
            count_hours(world.services)
        for wanted in ({}, {"deployment_ids": [daily]}, {"is_subflow": True}):
            assert uncounted(world, **wanted) == history(world, **wanted)
    assert counted(world) > 20


def change(connection: Connection, world: World, dice: random.Random, deployments: list[UUID]) -> None:
    """Insert, update or delete some rows, beside all rules."""
    rows = connection.execute(select(flow_run).where(flow_run.c.root_flow_run_id == flow_run.c.id)).all()
    due = world.now - timedelta(seconds=dice.randrange(-HOUR, 47 * HOUR))
    kind = dice.choice(["insert", "insert", "insert", "move", "state", "state", "delete", "home"])
    some = [row.id for row in dice.sample(list(rows), min(3, len(rows)))]
    these = flow_run.c.id.in_(some)
    if kind == "insert":
        flow_id = connection.execute(select(deployment.c.flow_id).limit(1)).scalar_one()
        for number in range(5):
            run_id = new_id()
            parent = dice.choice([None, *some])
            connection.execute(
                insert(flow_run).values(
                    id=run_id, root_flow_run_id=parent or run_id, parent_flow_run_id=parent, flow_id=flow_id,
                    deployment_id=dice.choice([None, *deployments]), name=f"run-{number}", created_by="api",
                    state_type=StateType.SCHEDULED, state_name="Scheduled", state_timestamp=due,
                    due=due + timedelta(minutes=7 * number), created=due, updated=due,
                )
            )  # fmt: skip
    elif kind == "move":
        connection.execute(update(flow_run).where(these).values(due=due))
    elif kind == "state":
        connection.execute(update(flow_run).where(these).values(state_type=dice.choice(list(StateType))))
    elif kind == "home":
        connection.execute(update(flow_run).where(these).values(deployment_id=dice.choice([None, *deployments])))
    else:
        connection.execute(delete(flow_run).where(these))
