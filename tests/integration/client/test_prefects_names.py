"""What files written for Prefect ask the clients for: orders, times, limits by tags, changes of deployments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alisio import flow, get_client, get_run_logger, task
from alisio.client.schemas.actions import DeploymentCreate, DeploymentUpdate, ScheduleSpec, WorkPoolCreate
from alisio.client.schemas.filters import (
    DeploymentFilter,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterStartTime,
)
from alisio.client.schemas.sorting import FlowRunSort
from alisio.engine.reporter import current_reporter
from alisio.exceptions import InvalidInputError, ObjectNotFound
from alisio.states import Cancelling, Scheduled
from alisio.testing import alisio_test_harness
from tests.integration.client.conftest import Play

NOON = datetime(2090, 1, 1, 12, tzinfo=UTC)


async def deployed(client: Any, **more: Any) -> Any:
    """Make a pool and a deployment, `f/daily-report`."""
    await client.create_work_pool(WorkPoolCreate(name="pool"))
    spec = {"flow_name": "f", "name": "daily-report", "entrypoint": "f.py:f", "work_pool_name": "pool", **more}
    return await client.create_deployment(DeploymentCreate(**spec))


def test_orders_and_times(play: Play) -> None:
    """Runs are listed by when they are to start, and by when they ended: those that have not are left out."""

    async def scenario(client: Any) -> None:
        deployment = await deployed(client)
        runs = {}
        for hour, name in enumerate("abc"):
            state = Scheduled(scheduled_time=NOON + timedelta(hours=hour))
            runs[name] = await client.create_flow_run_from_deployment(deployment.id, name=name, state=state)

        async def names(**options: Any) -> list[str]:
            return [run.name for run in await client.read_flow_runs(**options)]

        assert ["c", "b", "a"] == await names(sort=FlowRunSort.START_TIME_DESC)
        assert ["a", "b", "c"] == await names(sort="START_TIME_ASC")
        later = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(after_=NOON + timedelta(hours=1)))
        assert ["b", "c"] == sorted(await names(flow_run_filter=later))
        # None of them has begun.
        assert [] == await names(flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(before_=NOON)))
        assert [] == await names(flow_run_filter={"start_time": {"after_": datetime(2000, 1, 1, tzinfo=UTC)}})
        assert [] == await names(sort=FlowRunSort.END_TIME_DESC)
        before = datetime.now(UTC) - timedelta(minutes=1)
        for name in "bac":
            await client.set_flow_run_state(runs[name].id, Cancelling())
        assert ["c", "a", "b"] == await names(sort=FlowRunSort.END_TIME_DESC)
        assert ["c", "a"] == await names(sort=FlowRunSort.END_TIME_DESC, limit=2)
        ended = FlowRunFilter(end_time=FlowRunFilterEndTime(after_=before))
        assert 3 == await client.count_flow_runs(flow_run_filter=ended)
        assert 0 == await client.count_flow_runs(flow_run_filter={"end_time": {"before_": before}})

    play(scenario)


def test_runs_of_deployments_by_a_part_of_their_name(play: Play) -> None:
    """Flow runs are found by what the name of their deployment contains."""

    async def scenario(client: Any) -> None:
        deployment = await deployed(client)
        await client.create_flow_run_from_deployment(deployment.id)
        wanted = DeploymentFilter(name={"like_": "Y-REP"})  # type: ignore[arg-type]  # a mapping is as good
        assert 1 == len(await client.read_flow_runs(deployment_filter=wanted))
        assert [] == await client.read_flow_runs(deployment_filter={"name": {"like_": "weekly"}})

    play(scenario)


def test_limits_by_tags(play: Play) -> None:
    """A limit on a tag is made, changed by making it again, read, listed and removed."""

    async def scenario(client: Any) -> None:
        made = await client.create_concurrency_limit(tag="database", concurrency_limit=10)
        assert made == await client.create_concurrency_limit("database", 3)
        limit = await client.read_concurrency_limit_by_tag(tag="database")
        assert (made, "database", 3, []) == (limit.id, limit.tag, limit.concurrency_limit, limit.active_slots)
        assert [("database", 3)] == [(e.tag, e.concurrency_limit) for e in await client.read_concurrency_limits()]
        assert ["tag:database"] == [each.name for each in await client.read_global_concurrency_limits()]
        await client.reset_concurrency_limit_by_tag("database")
        await client.delete_concurrency_limit_by_tag(tag="database")
        with pytest.raises(ObjectNotFound):
            await client.read_concurrency_limit_by_tag("database")
        with pytest.raises(ValueError, match=r"^ConcurrencyLimitCreate: limit: [^\n]+$"):
            await client.create_concurrency_limit("database", -1)

    play(scenario)


def test_changing_a_deployment(play: Play) -> None:
    """What is given changes, all else stays as it was, its schedules and its id among that."""

    async def scenario(client: Any) -> None:
        known = await deployed(client, schedules=[ScheduleSpec(cron="0 6 * * *", slug="daily")], tags=["old"])
        update = DeploymentUpdate(tags=["new"], description="said", paused=True)
        changed = await client.update_deployment(known.id, update)
        assert (known.id, ["new"], "said", True) == (changed.id, changed.tags, changed.description, changed.paused)
        assert ["daily"] == [schedule.slug for schedule in changed.schedules]
        again = await client.update_deployment(known.id, DeploymentUpdate(paused=False, description=None, schedules=[]))
        assert (["new"], None, False, []) == (again.tags, again.description, again.paused, again.schedules)
        assert "f.py:f" == again.entrypoint
        with pytest.raises(ValueError, match=r"^DeploymentUpdate: concurrency_limit: [^\n]+$"):
            DeploymentUpdate(concurrency_limit=0)
        with pytest.raises(InvalidInputError, match="tags cannot be null"):
            await client.update_deployment(known.id, DeploymentUpdate(tags=None))

    play(scenario)


@task
def step() -> None:
    """Log a line."""
    get_run_logger().info("within")


@flow
def main() -> None:
    """Run two tasks."""
    step()
    step()


def test_fields_of_runs_and_logs() -> None:
    """Runs and log lines have their fields by Prefect's names too."""
    with alisio_test_harness(), get_client(sync_client=True) as client:
        main()
        assert current_reporter().flush(10)
        (run,) = client.read_flow_runs()
        assert (False, 1) == (run.auto_scheduled, run.run_count)
        assert run.end_time - run.start_time == run.estimated_run_time == run.total_run_time
        tasks = sorted(client.read_task_runs(), key=lambda each: each.index)
        assert [("0", 1), ("1", 1)] == [(each.dynamic_key, each.run_count) for each in tasks]
        assert tasks[0].total_run_time == tasks[0].estimated_run_time
        lines = [(line.name, line.message) for line in client.read_logs()]
        assert 2 == lines.count(("alisio.task_runs", "within"))
