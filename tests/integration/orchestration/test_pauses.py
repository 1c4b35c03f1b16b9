"""Runs that stop on their way: pausing, suspending and resuming, with inputs and with time limits."""

from __future__ import annotations

from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.control import (
    FlowRunInputCreate,
    FlowRunInputQuery,
    PauseAnswer,
    PauseReport,
    PauseStatus,
)
from alisio.contract.ids import new_id
from alisio.contract.reports import DirectiveKind
from alisio.contract.states import StateType
from alisio_server.database.queries.control import filter_inputs, list_pauses
from alisio_server.database.tables import flow_run
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.gauges import read_gauges
from alisio_server.orchestration.leases import LEASE
from alisio_server.orchestration.pauses import pause_run, resume_run, stand_at_pause
from alisio_server.orchestration.removal import delete_run
from alisio_server.orchestration.run_inputs import delete_input, send_input
from tests.integration.orchestration.world import World, by_hand

RUNNING, PAUSED, COMPLETED = StateType.RUNNING, StateType.PAUSED, StateType.COMPLETED
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def stand(world: World, run_id: UUID, key: str = "first", attempt: int = 1, **more: Any) -> PauseAnswer:
    """Stand at a pause, as an executor."""
    answer: PauseAnswer = world.do(stand_at_pause, run_id, PauseReport(attempt=attempt, key=key, **more))
    return answer


def suspend(world: World, run_id: UUID, **more: Any) -> None:
    """Suspend a run as its executor does: the last word of its process is that it is suspended."""
    assert PauseStatus.WAITING is stand(world, run_id, suspends=True, **more).status
    assert RUNNING == world.read(run_id).state_type
    world.report(run_id, 2, states=[world.state(PAUSED, name="Suspended")])


def resume(world: World, run_id: UUID, given: dict[str, Any] | None = None) -> None:
    """Resume a run, as a person."""
    world.do(resume_run, run_id, given)


def refusal(world: World, *action: Any) -> str:
    """Do what the state of things must not allow; give back why."""
    with pytest.raises(ConflictError) as caught:
        world.do(*action)
    return caught.value.code


def test_a_paused_run_keeps_its_lease_and_goes_on_when_it_is_resumed(world: World) -> None:
    """It waits as PAUSED, reports and renews its lease, and is told to go on; asking twice does no harm."""
    run_id = world.started()
    assert PauseStatus.WAITING is stand(world, run_id).status
    assert PauseStatus.WAITING is stand(world, run_id).status
    world.tick_for(25)
    assert [] == world.report(run_id, 2).directives
    world.tick_for(25)
    assert (PAUSED, "Paused", 2) == (world.read(run_id).state_type, world.read(run_id).state_name, world.slots())

    resume(world, run_id)

    assert PauseStatus.RESUMED is stand(world, run_id).status
    world.report(run_id, 3, COMPLETED)
    assert ["Running", "Paused", "Running", "Completed"] == world.history(run_id)[-4:]


def test_a_pause_that_was_passed_stops_no_later_attempt(world: World) -> None:
    """A retried run goes through where it was resumed, and stops where it was not."""
    run_id = world.started(retries=1)
    stand(world, run_id)
    resume(world, run_id)
    world.report(run_id, 2, StateType.CRASHED)
    world.claim()
    world.report(run_id, 1, RUNNING, attempt=2)

    assert PauseStatus.RESUMED is stand(world, run_id, attempt=2).status
    assert PauseStatus.WAITING is stand(world, run_id, "second", attempt=2).status
    assert "stale_attempt" == refusal(world, stand_at_pause, run_id, PauseReport(attempt=1, key="second"))


def test_a_suspended_run_gives_all_back_and_is_claimed_again_when_it_is_resumed(world: World) -> None:
    """Without lease and slots it waits for as long as it takes; resumed, it is due at once and uses no retry."""
    run_id = world.started()
    suspend(world, run_id)
    row = world.read(run_id)
    assert (PAUSED, "Suspended", None, None, 0) == (
        row.state_type, row.state_name, row.lease_until, row.wake_at, world.slots()
    )  # fmt: skip
    world.tick_for(600)
    assert [] == world.claim()
    world.bell.take()

    resume(world, run_id)

    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]
    [job] = world.claim()
    assert (run_id, 2) == (job.flow_run_id, job.attempt)
    world.report(run_id, 1, RUNNING, attempt=2)
    assert PauseStatus.RESUMED is stand(world, run_id, attempt=2, suspends=True).status
    world.report(run_id, 2, COMPLETED, attempt=2)
    assert ["Suspended", "Resuming", "Pending", "Running", "Completed"] == world.history(run_id)[-5:]
    assert 0 == world.read(run_id).retries_used


def test_only_a_run_of_a_deployment_is_suspended(world: World) -> None:
    """A script's run may pause; nothing would start it again, so it is not suspended, and stays as it is."""
    run_id = new_id()
    by_hand(world, run_id, 1, RUNNING)
    assert "no_deployment" == refusal(world, stand_at_pause, run_id, PauseReport(attempt=1, key="k", suspends=True))
    assert RUNNING == world.read(run_id).state_type
    assert PauseStatus.WAITING is stand(world, run_id).status
    assert PAUSED == world.read(run_id).state_type


def test_input_is_checked_and_a_wrong_one_leaves_the_run_paused(world: World) -> None:
    """The field at fault is named; what fits is handed to the code."""
    run_id = world.started()
    stand(world, run_id, input_schema=SCHEMA, description="**How old?**")
    for given, field in ((None, "input"), ({"age": "x"}, "input.age"), ({}, "input")):
        with pytest.raises(InvalidInputError) as caught:
            resume(world, run_id, given)
        assert field == caught.value.field
    assert PAUSED == world.read(run_id).state_type
    with world.database.read() as connection:
        [pause] = list_pauses(connection, run_id)
    assert (SCHEMA, "**How old?**") == (pause.input_schema, pause.description)

    resume(world, run_id, {"age": 7})

    assert PauseAnswer(status=PauseStatus.RESUMED, input={"age": 7}) == stand(world, run_id)


def test_a_schema_that_is_none_is_refused(world: World) -> None:
    """It would fail whoever wants to resume the run."""
    run_id = world.started()
    with pytest.raises(InvalidInputError, match="the input schema is not valid JSON Schema") as caught:
        stand(world, run_id, input_schema={"properties": 3})
    assert "input_schema" == caught.value.field
    assert RUNNING == world.read(run_id).state_type


def test_input_that_nobody_waits_for_is_refused(world: World) -> None:
    """It would be lost without a word."""
    run_id = world.started()
    stand(world, run_id)
    with pytest.raises(InvalidInputError, match="waits for no input"):
        resume(world, run_id, {"age": 7})


def test_a_run_that_is_not_resumed_in_time_hears_of_it(world: World) -> None:
    """Its process decides what becomes of it: it is RUNNING again, and cannot be resumed any more."""
    run_id = world.started()
    stand(world, run_id, timeout_seconds=20)
    world.pass_time(21)
    assert "pause_expired" == refusal(world, resume_run, run_id, None)

    assert PauseStatus.EXPIRED is stand(world, run_id, timeout_seconds=20).status

    assert RUNNING == world.read(run_id).state_type
    assert PauseStatus.EXPIRED is stand(world, run_id, timeout_seconds=20).status


def test_a_suspended_run_that_is_not_resumed_in_time_fails(world: World) -> None:
    """No process is there to hear of it, so the tick says so; retries are not for that."""
    run_id = world.started(retries=3)
    suspend(world, run_id, timeout_seconds=60)
    world.tick_for(55)
    assert "Suspended" == world.read(run_id).state_name
    world.pass_time(10)

    assert 1 == world.tick().expired

    row = world.read(run_id)
    assert (StateType.FAILED, "It was suspended and not resumed in time.") == (row.state_type, row.state_message)


def test_what_is_paused_can_be_cancelled(world: World) -> None:
    """Where a process waits it is told; where none is there the run is CANCELLED at once."""
    paused, suspended = world.started(), world.started(name="other")
    stand(world, paused)
    suspend(world, suspended)

    world.cancel(paused)
    world.cancel(suspended)

    [directive] = world.report(paused, 2).directives
    assert DirectiveKind.CANCEL is directive.kind
    assert StateType.CANCELLED == world.read(suspended).state_type


@pytest.mark.parametrize("suspends", [False, True])
def test_an_executor_hears_that_its_run_is_to_stop(world: World, suspends: bool) -> None:
    """Its reports are answered with that until it stands at the pause; then it waits like at any other."""
    run_id = world.started()
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=suspends)
    kind = DirectiveKind.SUSPEND if suspends else DirectiveKind.PAUSE
    assert [kind] == [directive.kind for directive in world.report(run_id, 2).directives]

    status = stand(world, run_id, "requested", on_request=True, suspends=suspends).status

    assert PauseStatus.WAITING is status
    if suspends:
        world.report(run_id, 3, states=[world.state(PAUSED, name="Suspended")])
    else:
        assert [] == world.report(run_id, 3).directives
    assert PAUSED == world.read(run_id).state_type
    resume(world, run_id)
    assert (StateType.SCHEDULED if suspends else RUNNING) == world.read(run_id).state_type


def test_a_wish_that_was_taken_back_stops_nobody(world: World) -> None:
    """An executor that has heard of it, and asks, is told to go on."""
    run_id = world.started()
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=False)
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, "requested", on_request=True).status
    assert RUNNING == world.read(run_id).state_type
    assert "not_paused" == refusal(world, resume_run, run_id, None)


def test_of_two_pauses_at_once_one_waits_for_the_other(world: World) -> None:
    """Subflows side by side pause the same run: it is resumed once for each."""
    run_id = world.started()
    for key in ("a", "b"):
        assert PauseStatus.WAITING is stand(world, run_id, key).status
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, "a").status
    assert PauseStatus.WAITING is stand(world, run_id, "b").status
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, "b").status


def test_the_end_of_a_paused_executor_is_a_crash(world: World) -> None:
    """When its lease ends it is retried if it may be, and waits at the pause again."""
    run_id = world.started(retries=1)
    stand(world, run_id)
    world.tick_for(45)
    assert "AwaitingRetry" == world.read(run_id).state_name
    world.claim()
    world.report(run_id, 1, RUNNING, attempt=2)
    assert PauseStatus.WAITING is stand(world, run_id, attempt=2).status
    resume(world, run_id)
    assert PauseStatus.RESUMED is stand(world, run_id, attempt=2).status


def test_what_is_sent_to_a_run_comes_in_order_and_once(world: World) -> None:
    """A page is followed by what has come since; prefixes and keys narrow it; it goes with its run."""
    run_id = world.started()
    for key in ("int-1", "str-1", "int-2", "int-1"):
        world.do(send_input, run_id, FlowRunInputCreate(key=key, value="7", sender="me"))

    def keys(**more: Any) -> tuple[list[str], str | None]:
        with world.database.read() as connection:
            page = filter_inputs(connection, run_id, FlowRunInputQuery(**more))
        return [item.key for item in page.items], page.next_cursor

    found, cursor = keys(prefix="int-", limit=10)
    assert ["int-1", "int-2"] == found
    assert ["str-1"] == keys(exclude_keys=["int-1", "int-2"])[0]
    assert [] == keys(prefix="int%")[0]
    world.do(send_input, run_id, FlowRunInputCreate(key="int-3", value="8"))
    assert ["int-3"] == keys(prefix="int-", cursor=cursor)[0]
    world.do(delete_input, run_id, "int-3")
    with pytest.raises(NotFoundError):
        world.do(delete_input, run_id, "int-3")
    with pytest.raises(NotFoundError):
        world.do(send_input, new_id(), FlowRunInputCreate(key="k", value="1"))
    world.report(run_id, 2, COMPLETED)
    world.do(delete_run, run_id)
    assert [] == keys()[0]


def test_a_wish_outlives_the_beginning_of_the_flow(world: World) -> None:
    """A run may be asked to stop as soon as its supervisor is there, before its flow says that it runs."""
    run_id = world.run(world.deploy())
    world.claim()
    world.report(run_id, 1)
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=False)

    [directive] = world.report(run_id, 2, RUNNING).directives

    assert DirectiveKind.PAUSE is directive.kind
    assert "Pausing" == world.read(run_id).state_name


def test_what_is_about_to_be_suspended_is_resumed_once_it_is(world: World) -> None:
    """Its process has been told to end: a wish that is taken back now would leave it suspended, and nobody know."""
    run_id = world.started()
    with world.transaction() as tx:
        pause_run(tx, run_id, suspends=True)
    assert PauseStatus.WAITING is stand(world, run_id, "requested", on_request=True, suspends=True).status
    assert "not_paused" == refusal(world, resume_run, run_id, None)
    world.report(run_id, 2, states=[world.state(PAUSED, name="Suspended")])

    resume(world, run_id)

    assert "Resuming" == world.read(run_id).state_name


@pytest.mark.parametrize("retries", [0, 1])
def test_an_executor_that_comes_back_at_a_pause_holds_its_run_again(world: World, retries: int) -> None:
    """Its lease had ended: at the pause it has lease and slots again, and goes on when it is resumed."""
    run_id = world.started(retries=retries)
    world.tick_for(45)
    assert (None, 0) == (world.read(run_id).lease_until, world.slots())

    assert PauseStatus.WAITING is stand(world, run_id).status

    row = world.read(run_id)
    assert (PAUSED, None, None, 0) == (row.state_type, row.ended, row.wake_at, row.retries_used)
    assert (world.now + LEASE, 2) == (row.lease_until, world.slots())
    assert [] == world.report(run_id, 2).directives
    resume(world, run_id)
    world.report(run_id, 3, COMPLETED)
    assert (COMPLETED, 0) == (world.read(run_id).state_type, world.slots())


def test_an_executor_that_comes_back_suspended_has_not_ended(world: World) -> None:
    """Its lease had ended, and the run with it; what is suspended is over neither for people nor for the purge."""
    run_id = world.started()
    assert PauseStatus.WAITING is stand(world, run_id, suspends=True).status
    world.tick_for(45)
    assert StateType.CRASHED == world.read(run_id).state_type

    world.report(run_id, 2, states=[world.state(PAUSED, name="Suspended")])

    row = world.read(run_id)
    assert (PAUSED, None, None) == (row.state_type, row.ended, row.lease_until)


def test_what_two_send_at_once_is_read_in_the_order_of_its_numbers(world: World) -> None:
    """Who reads on from the last number misses nothing: the second sender waits until the first one has committed."""
    run_id = world.started()

    def keys() -> list[str]:
        with world.database.read() as connection:
            return [item.key for item in filter_inputs(connection, run_id, FlowRunInputQuery()).items]

    second = Thread(target=world.do, args=(send_input, run_id, FlowRunInputCreate(key="b", value="2")))
    with world.transaction() as tx:
        send_input(tx, run_id, FlowRunInputCreate(key="a", value="1"))
        second.start()
        second.join(0.2)
        assert [] == keys()
    second.join()
    assert ["a", "b"] == keys()


def test_a_prefix_minds_capitals(world: World) -> None:
    """On either database `A` is not `a`."""
    run_id = world.started()
    for key in ("Approval-1", "approval-2"):
        world.do(send_input, run_id, FlowRunInputCreate(key=key, value="7"))
    with world.database.read() as connection:
        page = filter_inputs(connection, run_id, FlowRunInputQuery(prefix="approval-"))
    assert ["approval-2"] == [item.key for item in page.items]


def test_a_subflow_of_a_deployment_is_cancelled_with_its_parent(world: World) -> None:
    """It has a lease of its own; a parent that ends otherwise, or is deleted, leaves it alone."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    waiting = world.run(deployment_id, parent_flow_run_id=parent)
    running = world.run(deployment_id, parent_flow_run_id=parent, idempotency_key="k")
    assert {waiting, running} == {job.flow_run_id for job in world.claim()}
    world.report(running, 1, RUNNING)
    assert parent == world.read(running).parent_flow_run_id

    world.cancel(parent)

    assert StateType.CANCELLING == world.read(running).state_type
    assert StateType.CANCELLED == world.read(waiting).state_type
    with pytest.raises(ConflictError, match="starts no more subflows"):
        world.run(deployment_id, parent_flow_run_id=parent)
    with pytest.raises(NotFoundError):
        world.run(deployment_id, parent_flow_run_id=new_id())


def test_a_parent_that_is_deleted_leaves_its_subflows_behind(world: World) -> None:
    """Runs of deployments have lives of their own."""
    parent = world.started()
    child = world.run(world.deploy(name="child"), parent_flow_run_id=parent)
    world.report(parent, 2, COMPLETED)

    world.do(delete_run, parent)

    assert [(child, None)] == [(row.id, row.parent_flow_run_id) for row in world.rows(flow_run)]


def test_a_run_is_asked_for_in_another_queue(world: World) -> None:
    """Of the deployment's own pool; a queue that is not there is named."""
    deployment_id = world.deploy()
    assert world.queue_id() == world.read(world.run(deployment_id, work_queue_name="default")).work_queue_id
    with pytest.raises(NotFoundError, match="no queue 'none'"):
        world.run(deployment_id, work_queue_name="none")


def test_agents_are_there_for_what_is_paused_and_not_for_what_is_suspended(world: World) -> None:
    """The gauges, by which agents are scaled, count a process that waits as running."""
    paused, suspended = world.started(), world.started(name="other")
    stand(world, paused)
    suspend(world, suspended)
    [gauge] = read_gauges(world.database)
    assert (1, 0) == (gauge.running, gauge.due)
