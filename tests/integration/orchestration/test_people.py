"""What people do: deployments, runs, work pools and queues, and how wrong requests are answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from alisio.contract.deployments import ScheduleSpec
from alisio.contract.ids import new_id
from alisio.contract.reports import Origin, RunFacts, SubflowNews
from alisio.contract.runs import FlowRunCreate
from alisio.contract.states import StateType
from alisio.contract.work_pools import WorkPoolCreate, WorkPoolPatch, WorkQueueCreate, WorkQueuePatch
from alisio_server.database.tables import deployment, flow, flow_run, work_pool, work_queue
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.deployments import delete_deployment, pause_deployment
from alisio_server.orchestration.flow_runs import cancel_run, create_run, retry_run
from alisio_server.orchestration.flows import delete_flow, ensure_flow
from alisio_server.orchestration.removal import delete_run
from alisio_server.orchestration.work_pools import (
    change_work_pool,
    change_work_queue,
    create_work_pool,
    create_work_queue,
    delete_work_pool,
    delete_work_queue,
)
from tests.integration.orchestration.world import World

RUNNING, COMPLETED = StateType.RUNNING, StateType.COMPLETED
SCHEMA = {
    "type": "object",
    "properties": {
        "place": {"type": "string"},
        "height": {"type": "integer", "minimum": 0},
        "stops": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
    },
    "required": ["place"],
    "additionalProperties": False,
}


def conflict(world: World, action: Any, *arguments: Any) -> str:
    """Do what must be refused; give back why."""
    with pytest.raises(ConflictError) as caught:
        world.do(action, *arguments)
    assert 1 == len(caught.value.message.splitlines())
    return caught.value.code


# --- asking for runs


def test_a_key_makes_asking_twice_harmless(world: World) -> None:
    """The same idempotency key gives the first run again; in another deployment it is another key."""
    first, second = world.deploy(), world.deploy(name="other")
    run_id = world.run(first, idempotency_key="k")
    assert run_id == world.run(first, idempotency_key="k", parameters={"place": "fjord"})
    assert run_id != world.run(second, idempotency_key="k")
    assert 2 == len(world.rows(flow_run))


@pytest.mark.parametrize(
    ("parameters", "field", "why"),
    [
        ({}, "parameters", "'place' is missing"),
        ({"place": 3}, "parameters.place", "3 is not of type 'string'"),
        ({"place": "bay", "height": -1}, "parameters.height", "less than the minimum"),
        ({"place": "bay", "deepth": 1}, "parameters", "'deepth' is unknown; there are: place, height, stops"),
        ({"place": "bay", "stops": "x"}, "parameters.stops", "'x' is not of type array or null"),
        ({"place": "bay", "stops": [1, "x"]}, "parameters.stops.1", "'x' is not of type 'integer'"),
    ],
)
def test_wrong_parameters_are_refused(world: World, parameters: dict[str, Any], field: str, why: str) -> None:
    """A run whose parameters do not fit the flow is refused with the parameter's name, and is not made."""
    deployment_id = world.deploy(parameter_schema=SCHEMA)
    with pytest.raises(InvalidInputError, match=why) as caught:
        world.run(deployment_id, parameters=parameters)
    assert field == caught.value.field
    assert [] == world.rows(flow_run)


def test_parameters_are_not_checked_where_nobody_wants_it(world: World) -> None:
    """A deployment can leave it to the flow to check its parameters."""
    deployment_id = world.deploy(parameter_schema=SCHEMA, enforce_parameter_schema=False)
    run_id = world.run(deployment_id, parameters={"place": 3})
    assert {"place": 3} == world.read(run_id).parameters


def test_a_run_of_nothing_is_refused(world: World) -> None:
    """An unknown deployment is said to be unknown."""
    with pytest.raises(NotFoundError) as caught:
        world.run(new_id())
    assert "deployment_not_found" == caught.value.code


def test_a_paused_deployment_can_be_run_by_hand(world: World) -> None:
    """A pause is about schedules; what a person asks for runs."""
    deployment_id = world.deploy()
    world.do(pause_deployment, deployment_id)
    world.run(deployment_id)
    assert 1 == len(world.claim())


# --- deploying


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"parameter_schema": {"type": "nothing"}}, "parameter_schema"),
        ({"parameter_schema": SCHEMA, "parameters": {"height": "high"}}, "parameters.height"),
        ({"parameter_schema": SCHEMA, "schedules": [ScheduleSpec(cron="0 9 * * *")]}, "schedules.0.parameters"),
        ({"parameter_schema": {"$ref": "http://elsewhere/schema"}}, "parameter_schema"),
        ({"bundle": "b" * 64}, "bundle"),
    ],
)
def test_a_deployment_that_could_not_run_is_refused(world: World, wrong: dict[str, Any], field: str) -> None:
    """What can be known to fail is refused when it is deployed, and nothing is stored."""
    with pytest.raises(InvalidInputError) as caught:
        world.deploy(**wrong)
    assert field == caught.value.field
    assert ([], []) == (world.rows(deployment), world.rows(flow))


def test_required_parameters_may_be_given_later(world: World) -> None:
    """A deployment without schedules need not have all parameters: its runs bring them."""
    deployment_id = world.deploy(parameter_schema=SCHEMA)
    assert world.run(deployment_id, parameters={"place": "bay"})


@pytest.mark.parametrize(
    ("wrong", "code", "command"),
    [
        ({"work_pool_name": "reef"}, "work_pool_not_found", "alisio work-pool create reef"),
        ({"work_queue_name": "storm"}, "work_queue_not_found", "alisio work-queue create storm -p shore"),
    ],
)
def test_a_deployment_to_nowhere_is_refused(world: World, wrong: dict[str, Any], code: str, command: str) -> None:
    """The line says how to make the pool or queue that is missing."""
    with pytest.raises(NotFoundError, match=command) as caught:
        world.deploy(**wrong)
    assert code == caught.value.code


def test_a_redeploy_is_the_same_deployment(world: World) -> None:
    """Flow and name identify a deployment; deployed again it keeps its id and creation, and changes the rest."""
    first = world.deploy(description="old")
    world.pass_time(10)
    assert first == world.deploy(description="new")
    (row,) = world.rows(deployment)
    assert ("new", timedelta(seconds=10)) == (row.description, row.updated - row.created)


def test_waiting_runs_move_with_their_deployment(world: World) -> None:
    """When a deployment moves to another queue its unclaimed runs do too, and that queue is rung for."""
    world.do(create_work_queue, "shore", WorkQueueCreate(name="storm"))
    run_id = world.run(world.deploy())
    world.bell.take()
    world.deploy(work_queue_name="storm")
    storm = world.queue_id("storm")
    assert storm == world.read(run_id).work_queue_id
    assert [(storm, run_id)] == [(ring.work_queue_id, ring.flow_run_id) for ring in world.bell.take()]


def test_a_run_that_was_asked_for_in_another_queue_stays_there(world: World) -> None:
    """A deployment that moves takes along what waits in its own queue alone."""
    for name in ("storm", "calm"):
        world.do(create_work_queue, "shore", WorkQueueCreate(name=name))
    deployment_id = world.deploy()
    own, asked = world.run(deployment_id), world.run(deployment_id, work_queue_name="storm")

    world.deploy()
    assert world.queue_id("storm") == world.read(asked).work_queue_id
    world.deploy(work_queue_name="calm")

    assert world.queue_id("calm") == world.read(own).work_queue_id
    assert world.queue_id("storm") == world.read(asked).work_queue_id


def test_in_another_pool_it_waits_in_the_queue_of_that_name(world: World) -> None:
    """Where the new work pool has none, it waits with the others of its deployment."""
    for name in ("storm", "calm"):
        world.do(create_work_queue, "shore", WorkQueueCreate(name=name))
    deployment_id = world.deploy()
    own, storm, calm = (world.run(deployment_id, work_queue_name=name) for name in (None, "storm", "calm"))
    world.pool("offshore")
    world.do(create_work_queue, "offshore", WorkQueueCreate(name="storm"))

    world.deploy(work_pool_name="offshore")

    with world.database.read() as connection:
        names = {row.id: row.name for row in connection.execute(select(work_queue).join(
            work_pool, work_pool.c.id == work_queue.c.work_pool_id).where(work_pool.c.name == "offshore"))}  # fmt: skip
    assert ["default", "storm", "default"] == [names.get(world.read(run).work_queue_id) for run in (own, storm, calm)]


def test_deleting_a_deployment_ends_what_waits(world: World) -> None:
    """Schedules go with their runs, asked-for runs are CANCELLED, executed ones go on to their end."""
    deployment_id = world.deploy(ScheduleSpec(interval_seconds=300), retries=3)
    executed, waiting = world.run(deployment_id), world.run(deployment_id, due=world.now + timedelta(hours=1))
    world.claim()
    world.report(executed, 1, RUNNING)
    world.do(delete_deployment, deployment_id)
    assert {executed, waiting} == {row.id for row in world.rows(flow_run)}
    assert "Cancelled: deployment 'daily' was deleted." == world.read(waiting).state_message
    assert StateType.FAILED is world.report(executed, 2, StateType.FAILED).state.type


# --- cancelling, retrying, deleting


def test_cancelling_what_waits_is_immediate(world: World) -> None:
    """A SCHEDULED run is CANCELLED at once, and asking again changes nothing."""
    run_id = world.run(world.deploy())
    world.cancel(run_id)
    world.cancel(run_id)
    assert ["Scheduled", "Cancelled"] == world.history(run_id)
    assert ([], None) == (world.claim(), world.read(run_id).wake_at)


def test_cancelling_what_has_ended_is_refused(world: World) -> None:
    """A run that is COMPLETED stays so."""
    run_id = world.started()
    world.report(run_id, 2, COMPLETED)
    assert "run_ended" == conflict(world, cancel_run, run_id)


def test_a_subflow_run_ends_with_its_root_only(world: World) -> None:
    """A subflow run can be neither cancelled, nor retried, nor deleted while it runs."""
    run_id, subflow_id = world.started(), new_id()
    news = SubflowNews(id=subflow_id, flow_name="ebb", name="ebb", states=[world.state(RUNNING)])
    world.report(run_id, 2, subflows=[news])
    assert "is_subflow" == conflict(world, cancel_run, subflow_id)
    assert "run_active" == conflict(world, retry_run, subflow_id)
    assert "run_active" == conflict(world, delete_run, subflow_id)


def test_a_retry_by_hand_is_a_new_attempt(world: World) -> None:
    """Retried by a person, an ended run is claimed again as its next attempt, with its retries renewed."""
    run_id = world.started()
    world.report(run_id, 2, StateType.FAILED)
    world.retry(run_id)
    row = world.read(run_id)
    assert ("AwaitingRetry", None, 0) == (row.state_name, row.ended, row.retries_used)
    (job,) = world.claim()
    assert 2 == job.attempt
    assert COMPLETED is world.report(run_id, 1, RUNNING, COMPLETED, attempt=2).state.type


def test_a_run_by_hand_cannot_be_retried(world: World) -> None:
    """The line says why, and what to do."""
    run_id = new_id()
    facts = RunFacts(flow_name="tide")
    world.report(run_id, 1, RUNNING, COMPLETED, origin=Origin.SCRIPT, facts=facts)
    with pytest.raises(ConflictError, match="start its script again"):
        world.retry(run_id)


def test_a_run_that_is_executed_is_not_deleted(world: World) -> None:
    """Delete what has ended or waits; cancel the rest first."""
    run_id = world.started()
    assert "run_active" == conflict(world, delete_run, run_id)
    world.report(run_id, 2, COMPLETED)
    world.do(delete_run, run_id)
    assert [] == world.rows(flow_run)


def test_a_flow_is_deleted_with_all_that_is_its(world: World) -> None:
    """A flow goes with its deployments and runs, unless one of them is executed."""
    run_id = world.started()
    flow_id = world.read(run_id).flow_id
    assert "flow_in_use" == conflict(world, delete_flow, flow_id)
    world.report(run_id, 2, COMPLETED)
    world.do(delete_flow, flow_id)
    assert ([], [], []) == (world.rows(flow), world.rows(deployment), world.rows(flow_run))


def test_a_flow_is_made_once(world: World) -> None:
    """The same name is the same flow."""
    assert world.do(ensure_flow, "tide") == world.do(ensure_flow, "tide")


# --- pools and queues


def test_a_pool_comes_with_its_default_queue(world: World) -> None:
    """A new pool is ready for deployments; its name is taken from then on."""
    assert ["default"] == [row.name for row in world.rows(work_queue)]
    assert "work_pool_exists" == conflict(world, create_work_pool, WorkPoolCreate(name="shore"))
    assert "work_queue_exists" == conflict(world, create_work_queue, "shore", WorkQueueCreate(name="default"))


def test_only_the_given_fields_change(world: World) -> None:
    """A patch leaves alone what it does not name; null takes a limit away."""
    world.do(change_work_pool, "shore", WorkPoolPatch(concurrency_limit=3, description="sand"))
    world.do(change_work_pool, "shore", WorkPoolPatch(description="stones"))
    (row,) = world.rows(work_pool)
    assert (3, "stones", False) == (row.concurrency_limit, row.description, row.paused)
    world.do(change_work_pool, "shore", WorkPoolPatch(concurrency_limit=None))
    assert world.rows(work_pool)[0].concurrency_limit is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ((change_work_pool, "shore", WorkPoolPatch(paused=None)), "paused"),
        ((change_work_queue, "shore", "default", WorkQueuePatch(priority=None)), "priority"),
    ],
)
def test_null_is_refused_where_it_means_nothing(world: World, change: tuple[Any, ...], field: str) -> None:
    """A pool is paused or not; a queue has a priority."""
    with pytest.raises(InvalidInputError) as caught:
        world.do(*change)
    assert field == caught.value.field


def test_a_pool_in_use_is_not_deleted(world: World) -> None:
    """A pool with claimed runs stays; without them it goes, its waiting runs are CANCELLED with the reason."""
    deployment_id = world.deploy(ScheduleSpec(interval_seconds=300))
    executed, waiting = world.run(deployment_id), world.run(deployment_id, due=world.now + timedelta(hours=1))
    world.claim()
    assert "work_pool_in_use" == conflict(world, delete_work_pool, "shore")
    world.report(executed, 1, RUNNING, COMPLETED)
    world.do(delete_work_pool, "shore")
    assert ([], []) == (world.rows(work_pool), world.rows(work_queue))
    assert "Cancelled: work pool 'shore' was deleted." == world.read(waiting).state_message
    world.pass_time(600)
    world.tick()
    assert "no_work_pool" == conflict(world, create_run, deployment_id, FlowRunCreate())
    assert "no_deployment" == conflict(world, retry_run, executed)


def test_the_default_queue_stays(world: World) -> None:
    """Every pool has a default queue; other queues can go."""
    world.do(create_work_queue, "shore", WorkQueueCreate(name="storm"))
    run_id = world.run(world.deploy(work_queue_name="storm"))
    assert "default_work_queue" == conflict(world, delete_work_queue, "shore", "default")
    world.do(delete_work_queue, "shore", "storm")
    assert ("CANCELLED", None) == (world.read(run_id).state_type, world.read(run_id).work_queue_id)


def test_what_does_not_exist_is_not_changed(world: World) -> None:
    """Unknown pools and queues are said to be unknown."""
    for action, *arguments in (
        (change_work_pool, "reef", WorkPoolPatch()),
        (delete_work_pool, "reef"),
        (create_work_queue, "reef", WorkQueueCreate(name="storm")),
        (change_work_queue, "shore", "storm", WorkQueuePatch()),
        (delete_work_queue, "shore", "storm"),
    ):
        with pytest.raises(NotFoundError):
            world.do(action, *arguments)
