"""What the public clients do: each scenario with both clients, in this process and over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from alisio.client.schemas.actions import (
    DeploymentCreate,
    GlobalConcurrencyLimitCreate,
    ScheduleSpec,
    VariableCreate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from alisio.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    VariableFilter,
    VariableFilterName,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from alisio.client.schemas.objects import FlowRun, StateType
from alisio.client.schemas.sorting import FlowRunSort
from alisio.exceptions import ConflictError, ObjectNotFound
from alisio.states import Cancelling, Completed, Running, Scheduled
from tests.integration.client.conftest import Play

NOON = datetime(2090, 1, 1, 12, tzinfo=UTC)


async def deployed(client: Any, **more: Any) -> Any:
    """Make a pool and a deployment, `f/d`."""
    await client.create_work_pool(WorkPoolCreate(name="pool"))
    spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "pool", **more}
    return await client.create_deployment(DeploymentCreate.model_validate(spec))


async def scheduled(client: Any, *names: str) -> list[FlowRun]:
    """Make runs of a deployment, one an hour from noon on, of which each has its name as a tag."""
    deployment = await deployed(client)
    return [
        await client.create_flow_run_from_deployment(
            deployment.id, name=name, tags=[name, "all"], state=Scheduled(scheduled_time=NOON + timedelta(hours=hour))
        )
        for hour, name in enumerate(names)
    ]


FILTERS: list[tuple[list[str], dict[str, Any]]] = [
    (["a", "b", "c"], {}),
    (["b"], {"flow_run_filter": FlowRunFilter(name=FlowRunFilterName(any_=["b"]))}),
    (["c"], {"flow_run_filter": FlowRunFilter(name=FlowRunFilterName(like_="C"))}),
    (["a"], {"flow_run_filter": {"tags": {"all_": ["a", "all"]}}}),
    (["b"], {"flow_run_filter": FlowRunFilter(tags=FlowRunFilterTags(any_=["b"]))}),
    (
        ["a", "b", "c"],
        {"flow_run_filter": FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=["SCHEDULED"])))},
    ),
    (
        [],
        {"flow_run_filter": FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Running"])))},
    ),
    ([], {"flow_run_filter": {"state": {"type": {"not_any_": [StateType.SCHEDULED]}}}}),
    (
        ["b", "c"],
        {
            "flow_run_filter": FlowRunFilter(
                expected_start_time=FlowRunFilterExpectedStartTime(after_=NOON + timedelta(minutes=1))
            )
        },
    ),
    (["a", "b", "c"], {"flow_run_filter": {"parent_flow_run_id": {"is_null_": True}}}),
    (["a", "b", "c"], {"flow_filter": FlowFilter(name=FlowFilterName(any_=["f"]))}),
    ([], {"flow_filter": FlowFilter(name=FlowFilterName(any_=["g"]))}),
    (["a", "b", "c"], {"deployment_filter": DeploymentFilter(name=DeploymentFilterName(any_=["d"]))}),
    ([], {"work_pool_filter": WorkPoolFilter(name=WorkPoolFilterName(any_=["other"]))}),
    (["a", "b", "c"], {"work_queue_filter": {"name": {"any_": ["default"]}}}),
]


def test_flow_runs_by_filters(play: Play) -> None:
    """Each filter gives the runs that fit it, and the count is theirs."""

    async def scenario(client: Any) -> None:
        await scheduled(client, "a", "b", "c")
        for names, filters in FILTERS:
            found = await client.read_flow_runs(**filters, sort=FlowRunSort.EXPECTED_START_TIME_ASC)
            assert names == [run.name for run in found], filters
            assert len(names) == await client.count_flow_runs(**filters)

    play(scenario)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("cannot filter by name.not_any_", {"flow_run_filter": FlowRunFilter(name=FlowRunFilterName(not_any_=["a"]))}),
    ("cannot filter by tags.any_ of", {"flow_run_filter": {"tags": {"any_": ["a", "b"]}}}),
    ("no operator or_", {"flow_run_filter": FlowRunFilter(operator="or_")}),
    ("FlowRunFilter: nam: ", {"flow_run_filter": {"nam": {"any_": ["a"]}}}),
    ("cannot filter by name.like_", {"flow_filter": FlowFilter(name=FlowFilterName(like_="f"))}),
    ("FlowRunSort: the API has no order 'LENGTH'", {"sort": "LENGTH"}),
    ("limit and offset are 0 or more", {"offset": -1}),
    ("FlowRunFilter: state_types.0: ", {"flow_run_filter": {"state": {"type": {"any_": ["WALKING"]}}}}),
]


def test_filters_that_there_are_not(play: Play) -> None:
    """What the API cannot filter by is said in one line that names it."""

    async def scenario(client: Any) -> None:
        for message, filters in REFUSED:
            with pytest.raises(ValueError, match=message) as caught:
                await client.read_flow_runs(**filters)
            assert 1 == len(str(caught.value).splitlines())

    play(scenario)


def test_order_limit_and_offset(play: Play) -> None:
    """Rows are given in the order that is asked for, from the offset on, as many as the limit says."""

    async def scenario(client: Any) -> None:
        await scheduled(client, "a", "b", "c")
        latest = await client.read_flow_runs(sort="EXPECTED_START_TIME_DESC", limit=1)
        assert ["c"] == [run.name for run in latest]
        second = await client.read_flow_runs(sort="NEXT_SCHEDULED_START_TIME_ASC", limit=1, offset=1)
        assert ["b"] == [run.name for run in second]
        assert [] == await client.read_flow_runs(limit=0)
        assert 3 == len(await client.read_flow_runs(limit=None))

    play(scenario)


def test_a_run_and_its_state(play: Play) -> None:
    """A run has a `State`, which can be asked; it stays a record where the run is written as JSON."""

    async def scenario(client: Any) -> None:
        (made,) = await scheduled(client, "a")
        run = await client.read_flow_run(made.id)
        assert run.state.is_scheduled()
        assert not run.state.is_final()
        assert (StateType.SCHEDULED, "Scheduled") == (run.state_type, run.state_name)
        assert (NOON, None, 0) == (run.expected_start_time, run.start_time, run.run_count)
        assert timedelta(0) == run.total_run_time
        again = FlowRun.model_validate_json(run.model_dump_json())
        assert "Scheduled" == again.state.name
        assert run.state.timestamp == again.state.timestamp
        assert ["Scheduled"] == [state.name for state in await client.read_flow_run_states(made.id)]

    play(scenario)


def test_states_that_are_asked_for(play: Play) -> None:
    """A run is cancelled and begun again by states; what only executors say is refused, and so is what does not fit."""

    async def scenario(client: Any) -> None:
        (run,) = await scheduled(client, "a")
        with pytest.raises(ConflictError):
            await client.set_flow_run_state(run.id, Scheduled())
        result = await client.set_flow_run_state(run.id, Cancelling())
        assert "ACCEPT" == result.status
        assert result.state.is_cancelled()
        assert (await client.set_flow_run_state(run.id, Scheduled())).state.is_scheduled()
        for state in (Completed(), Running(), Scheduled(scheduled_time=NOON)):
            with pytest.raises(ValueError, match=r"a run cannot be made|begins again at once"):
                await client.set_flow_run_state(run.id, state)

    play(scenario)


def test_what_is_not_there(play: Play) -> None:
    """Reading something unknown raises `ObjectNotFound`, with a line that says what."""

    async def scenario(client: Any) -> None:
        unknown = uuid4()
        for reading in (client.read_flow_run, client.read_task_run, client.read_deployment, client.delete_flow_run):
            with pytest.raises(ObjectNotFound, match=str(unknown)):
                await reading(unknown)
        with pytest.raises(ObjectNotFound):
            await client.read_deployment_by_name("f/d")
        with pytest.raises(ObjectNotFound, match="there is no flow 'f'"):
            await client.read_flow_by_name("f")
        with pytest.raises(ValueError, match="named by flow/deployment"):
            await client.read_deployment_by_name("d")
        assert await client.read_variable_by_name("nothing") is None

    play(scenario)


def test_deployments_and_schedules(play: Play) -> None:
    """A deployment is read by its name, paused and resumed, and its schedules are switched by id and by slug."""

    async def scenario(client: Any) -> None:
        schedules = [ScheduleSpec(slug="daily", cron="0 5 * * *")]
        made = await deployed(client, schedules=[each.model_dump(exclude_unset=True) for each in schedules])
        assert made.id == (await client.read_deployment_by_name("f/d")).id
        assert (await client.pause_deployment(made.id)).paused
        paused = await client.read_deployments(deployment_filter={"paused": {"eq_": True}})
        assert [made.id] == [each.id for each in paused]
        assert not (await client.resume_deployment(made.id)).paused
        (schedule,) = await client.read_deployment_schedules(made.id)
        assert not (await client.update_deployment_schedule(made.id, schedule.id, active=False)).schedules[0].active
        assert (await client.update_deployment_schedule(made.id, "daily", active=True)).schedules[0].active
        with pytest.raises(ObjectNotFound, match="no schedule"):
            await client.update_deployment_schedule(made.id, uuid4(), active=True)
        await client.delete_deployment(made.id)
        assert [] == await client.read_deployments()

    play(scenario)


def test_work_pools(play: Play) -> None:
    """Pools are filtered and changed, and the runs that wait in one are listed, the earliest first."""

    async def scenario(client: Any) -> None:
        await scheduled(client, "a", "b")
        await client.create_work_pool(WorkPoolCreate(name="other"))
        assert ["other", "pool"] == [pool.name for pool in await client.read_work_pools()]
        wanted = WorkPoolFilter(name=WorkPoolFilterName(any_=["other"]))
        assert ["other"] == [pool.name for pool in await client.read_work_pools(work_pool_filter=wanted)]
        assert (await client.update_work_pool("other", WorkPoolUpdate(paused=True))).paused
        waiting = await client.get_scheduled_flow_runs_for_work_pool(
            "pool", scheduled_before=NOON + timedelta(minutes=1)
        )
        assert ["a"] == [run.name for run in waiting]
        assert ["default"] == [queue.name for queue in await client.read_work_queues("pool")]
        assert [] == await client.read_workers_for_work_pool("pool")

    play(scenario)


def test_variables_and_limits(play: Play) -> None:
    """They are made, found, changed and removed."""

    async def scenario(client: Any) -> None:
        await client.create_variable(VariableCreate(name="answer", value=42, tags=["old"]))
        assert ["old"] == (await client.update_variable("answer", 43)).tags
        assert 43 == (await client.read_variable_by_name("answer")).value
        wanted = VariableFilter(name=VariableFilterName(like_="swer"))
        assert ["answer"] == [each.name for each in await client.read_variables(wanted)]
        assert 0 == await client.count_variables({"name": {"any_": ["other"]}})
        await client.delete_variable_by_name("answer")
        assert [] == await client.read_variables()
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="db", limit=3))
        assert [3] == [each.limit for each in await client.read_global_concurrency_limits()]

    play(scenario)


def test_history_and_deletion(play: Play) -> None:
    """Runs are counted over time; they are deleted by a filter, and at first only counted."""

    async def scenario(client: Any) -> None:
        await scheduled(client, "a", "b")
        buckets = await client.read_flow_run_history(NOON, NOON + timedelta(hours=2), 3600)
        assert [1, 1] == [bucket.runs.get(StateType.SCHEDULED) for bucket in buckets]
        told = await client.delete_flow_runs(flow_run_filter={"name": {"any_": ["a"]}}, dry_run=True)
        assert (0, 1) == (told.deleted, told.remaining.count)
        await client.delete_flow_runs(flow_run_filter={"name": {"any_": ["a"]}})
        assert ["b"] == [run.name for run in await client.read_flow_runs()]

    play(scenario)


def test_the_server_itself(play: Play) -> None:
    """It is healthy, and says its version."""

    async def scenario(client: Any) -> None:
        assert await client.api_healthcheck() is None
        assert ("ok", 200) == ((said := await client.hello()).json(), said.status_code)
        assert (await client.read_health()).version == await client.api_version()

    play(scenario)
