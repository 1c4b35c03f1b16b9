"""Runs that wait for others to end: nobody claims them before, and nothing that can become of those is missed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from uuid import UUID

import pytest

from alisio.contract.ids import new_id
from alisio.contract.runs import FlowRunCreate, FlowRunsDelete
from alisio.contract.states import StateType
from alisio.contract.work_pools import WorkQueueCreate
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.deployments import delete_deployment
from alisio_server.orchestration.flow_runs import cancel_run, create_run
from alisio_server.orchestration.flows import delete_flow
from alisio_server.orchestration.leases import LEASE_SECONDS
from alisio_server.orchestration.pauses import resume_run
from alisio_server.orchestration.removal import delete_run, delete_runs
from alisio_server.orchestration.work_pools import create_work_queue
from alisio_server.services import Transaction
from tests.integration.orchestration.world import World, by_hand

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


def claimed(world: World) -> list[UUID]:
    """Claim all that can be claimed."""
    return [job.flow_run_id for job in world.claim()]


def execute(world: World, run_id: UUID, *states: StateType, attempt: int = 1) -> None:
    """Let a claimed run begin, and come to an end."""
    world.report(run_id, 1, RUNNING, *states, attempt=attempt)


def test_a_run_is_claimed_once_the_last_that_it_waits_for_has_ended(world: World) -> None:
    """It is suspended before; then it is due at once, its queue is woken, and its attempt is the first."""
    daily = world.deploy()
    first, second = world.run(daily), world.run(daily)
    waits = world.run(daily, after=[first, second, first])
    row = world.read(waits)
    assert ("PAUSED", "Suspended", "It waits for 2 other runs to end.") == (
        row.state_type,
        row.state_name,
        row.state_message,
    )
    assert [first, second] == claimed(world)
    execute(world, first, COMPLETED)
    execute(world, second)
    world.bell.take()
    world.tick_for(10)
    assert ([], []) == (claimed(world), world.bell.take())
    world.report(second, 2, COMPLETED)
    assert [waits] == [rung.flow_run_id for rung in world.bell.take()]
    assert [waits] == claimed(world)
    execute(world, waits, COMPLETED)
    assert ["Suspended", "Scheduled", "Pending", "Running", "Completed"] == world.history(waits)
    assert (1, 0) == (world.read(waits).attempt, world.slots())


def test_a_place_is_free_while_another_run_is_retried(world: World) -> None:
    """With room for one run at a time, a run and the one that it waits for do not block each other."""
    world.pool("cove", concurrency_limit=1)
    daily = world.deploy(work_pool_name="cove", retries=1, retry_delays=[60])
    first = world.run(daily)
    waits = world.run(daily, after=[first])
    assert [first] == [job.flow_run_id for job in world.claim(pool="cove", agent_id=other_agent(world))]
    execute(world, first, FAILED)
    assert "AwaitingRetry" == world.read(first).state_name
    assert "Suspended" == world.read(waits).state_name
    world.pass_time(60)
    assert [first] == [job.flow_run_id for job in world.claim(pool="cove", agent_id=world.agent_id)]
    execute(world, first, COMPLETED, attempt=2)
    assert [waits] == [job.flow_run_id for job in world.claim(pool="cove", agent_id=world.agent_id)]


def other_agent(world: World) -> UUID:
    """Let this world's agent serve the pool `cove` from now on."""
    world.agent_id = new_id()
    world.beat(pool="cove")
    return world.agent_id


@pytest.mark.parametrize("end", ["failed", "cancelled", "crashed", "deleted", "deleted with others", "flow deleted"])
def test_any_end_of_another_run_lets_it_go_on(world: World, end: str) -> None:
    """What the run makes of that is its own business."""
    first = world.run(world.deploy())
    waits = world.run(world.deploy(flow_name="ebb"), after=[first])
    if end in ("failed", "crashed"):
        assert [first] == claimed(world)
        execute(world, first, *([FAILED] if end == "failed" else []))
        world.tick_for(LEASE_SECONDS + 10 if end == "crashed" else 0)
    elif end == "cancelled":
        world.cancel(first)
    elif end == "deleted":
        world.do(delete_run, first)
    elif end == "deleted with others":
        world.do(delete_runs, FlowRunsDelete(filter={"ids": [first]}))
    else:
        world.do(delete_flow, world.read(first).flow_id)
    assert [waits] == claimed(world)


def test_what_has_ended_is_not_waited_for(world: World) -> None:
    """Such a run is claimed at once."""
    first = world.run(world.deploy())
    world.cancel(first)
    waits = world.run(world.deploy(), after=[first])
    assert [waits] == claimed(world)


def test_asking_twice_makes_one_run_that_waits(world: World) -> None:
    """With the same key the first run is given, whatever the other has come to."""
    daily = world.deploy()
    first = world.run(daily)
    waits = world.run(daily, after=[first], idempotency_key="once")
    world.cancel(first)
    assert waits == world.run(daily, after=[first], idempotency_key="once")
    assert [waits] == claimed(world)


def test_the_hour_that_it_was_asked_for_is_kept(world: World) -> None:
    """Where the others end before that, it waits for it."""
    daily = world.deploy()
    first = world.run(daily)
    waits = world.run(daily, after=[first], due=world.now + timedelta(hours=1))
    world.cancel(first)
    assert "Scheduled" == world.read(waits).state_name
    assert [] == claimed(world)
    world.pass_time(3_600)
    assert [waits] == claimed(world)


def test_a_chain_ends_with_its_first_run(world: World) -> None:
    """A run that waits can be cancelled, and who waits for it goes on; it waits for nothing more itself."""
    daily = world.deploy()
    first = world.run(daily)
    second = world.run(daily, after=[first])
    third = world.run(daily, after=[second])
    world.cancel(second)
    assert "Cancelled" == world.read(second).state_name
    assert [first, third] == sorted(claimed(world))
    execute(world, first, COMPLETED)
    assert "Cancelled" == world.read(second).state_name


def test_a_person_can_let_it_go_on_before(world: World) -> None:
    """Then it is claimed, and the end of the other changes nothing."""
    daily = world.deploy()
    first = world.run(daily)
    waits = world.run(daily, after=[first])
    world.do(resume_run, waits, None)
    assert [first, waits] == claimed(world)
    execute(world, waits)
    execute(world, first, COMPLETED)
    assert ("Running", 1) == (world.read(waits).state_name, world.read(waits).attempt)


def test_without_a_deployment_it_is_cancelled(world: World) -> None:
    """Nothing could execute it once the others have ended; with them where they are of the same one."""
    first = world.run(world.deploy())
    ebb = world.deploy(flow_name="ebb")
    waiting = [world.run(ebb, after=[first]), world.run(ebb)]
    waiting.append(world.run(ebb, after=waiting))
    world.do(delete_deployment, ebb)
    assert ["Cancelled"] * 3 == [world.read(each).state_name for each in waiting]
    assert [first] == claimed(world)
    execute(world, first, COMPLETED)
    assert ["Suspended", "Cancelled"] == world.history(waiting[0])


def test_it_moves_with_its_deployment(world: World) -> None:
    """It is claimed from the queue that its deployment has by then, which is not woken for it before."""
    world.do(create_work_queue, "shore", WorkQueueCreate(name="other"))
    first = world.run(world.deploy(flow_name="ebb"))
    waits = world.run(world.deploy(), after=[first])
    ready = world.run(world.deploy())
    world.deploy(work_queue_name="other")
    world.tick()
    rung = {each.flow_run_id: each.work_queue_id for each in world.bell.take()}
    assert (world.queue_id("other"), None) == (rung[ready], rung.get(waits))
    world.cancel(first)
    assert [waits, ready] == sorted(job.flow_run_id for job in world.claim(queues=["other"]))


def test_many_go_on_at_once(world: World) -> None:
    """The wake-ups of the first hundred are sent with the end of the other, all others with the next tick."""
    daily = world.deploy()
    first = world.run(daily)
    waiting = {world.run(daily, after=[first]) for _ in range(120)}
    world.bell.take()
    world.cancel(first)
    assert 100 == len(world.bell.take())
    world.tick()
    assert waiting == {rung.flow_run_id for rung in world.bell.take()}
    assert waiting == {job.flow_run_id for _ in range(2) for job in world.claim(100)}


def test_only_runs_of_deployments_can_be_waited_for(world: World) -> None:
    """One that is not there, and one by hand, are refused, and no run is made."""
    daily = world.deploy()
    hand = new_id()
    by_hand(world, hand, 1, RUNNING)
    with pytest.raises(NotFoundError) as missing:
        world.run(daily, after=[new_id()])
    with pytest.raises(InvalidInputError) as refused:
        world.run(daily, after=[hand])
    assert ("after", "after") == (missing.value.field, refused.value.field)
    assert [] == claimed(world)


def test_two_ends_at_once_do_not_each_leave_it_to_the_other(world: World) -> None:
    """The second transaction waits for the first one, and sees that nothing more is waited for."""
    daily = world.deploy()
    first, second = world.run(daily), world.run(daily)
    waits = world.run(daily, after=[first, second])

    at_once(world, lambda tx: cancel_run(tx, first), lambda: world.cancel(second))

    assert "Scheduled" == world.read(waits).state_name


@pytest.mark.parametrize("first_ends", [True, False])
def test_who_asks_while_the_other_ends_misses_nothing(world: World, first_ends: bool) -> None:
    """Whichever of the two is stored first."""
    daily = world.deploy()
    first = world.run(daily)
    wanted = FlowRunCreate(after=[first])
    made: list[UUID] = []

    def ask(tx: Transaction) -> None:
        made.append(create_run(tx, daily, wanted).id)

    if first_ends:
        at_once(world, lambda tx: cancel_run(tx, first), lambda: world.do(ask))
    else:
        at_once(world, ask, lambda: world.cancel(first))

    assert made == claimed(world)


def at_once(world: World, begun: Callable[[Transaction], None], other: Callable[[], object]) -> None:
    """Do something in a transaction of its own while another one has not committed."""
    with ThreadPoolExecutor(1) as threads:
        with world.transaction() as tx:
            begun(tx)
            later = threads.submit(other)
            wait([later], timeout=0.3)
        later.result(30)
