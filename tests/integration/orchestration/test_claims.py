"""The claim: atomic, idempotent, ordered, and within the limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from alisio.contract.ids import new_id
from alisio.contract.states import StateType
from alisio.contract.work_pools import WorkPoolPatch, WorkQueueCreate, WorkQueuePatch
from alisio_server.database.tables import bundle, claim
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.work_pools import change_work_pool, change_work_queue, create_work_queue
from tests.integration.orchestration.world import World


def test_a_claim_opens_an_attempt(world: World) -> None:
    """A claimed run is PENDING with attempt 1, the agent's lease, its slots, and no wake-up to come."""
    run_id = world.run(world.deploy(parameters={"place": "bay"}), parameters={"height": 3})
    (job,) = world.claim()
    assert (run_id, 1) == (job.flow_run_id, job.attempt)
    assert ("tide", "daily", "shore", "default") == (
        job.flow_name,
        job.deployment_name,
        job.work_pool_name,
        job.work_queue_name,
    )
    assert {"place": "bay", "height": 3} == job.parameters
    row = world.read(run_id)
    assert ("PENDING", 1, world.agent_id) == (row.state_type, row.attempt, row.agent_id)
    assert world.now + timedelta(seconds=30) == row.lease_until
    assert world.now + timedelta(seconds=60) == row.start_by
    assert (None, 1) == (row.wake_at, row.unstarted_claims)
    assert ["Scheduled", "Pending"] == world.history(run_id)
    assert 2 == world.slots()


def test_a_claimed_run_is_not_claimed_again(world: World) -> None:
    """What one claim took, the next one does not get."""
    world.run(world.deploy())
    assert 1 == len(world.claim())
    assert [] == world.claim()


def test_the_same_claim_gives_the_same_jobs(world: World) -> None:
    """An agent that lost the answer asks again with its `claim_id` and gets the same jobs, and no more."""
    deployment_id = world.deploy()
    world.run(deployment_id)
    claim_id = new_id()
    first = world.claim(claim_id=claim_id)
    world.run(deployment_id)
    assert first == world.claim(claim_id=claim_id)


def test_the_same_claim_leaves_out_what_has_started(world: World) -> None:
    """A run whose supervisor has reported is not given out again, so that it has one executor."""
    run_id = world.run(world.deploy())
    claim_id = new_id()
    world.claim(claim_id=claim_id)
    world.report(run_id, 1, StateType.RUNNING)
    assert [] == world.claim(claim_id=claim_id)


def test_concurrent_claims_share_the_runs(world: World) -> None:
    """Eight claims at once, each of them sent twice, take every run exactly once."""
    deployment_id = world.deploy()
    runs = {world.run(deployment_id) for _ in range(20)}
    ids = [new_id() for _ in range(8)] * 2
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(ids, pool.map(lambda claim_id: world.claim(3, claim_id=claim_id), ids), strict=True))
    taken = [job.flow_run_id for jobs in answers.values() for job in jobs]
    assert sorted(runs) == sorted(taken)


def test_concurrent_claims_keep_to_a_limit(world: World) -> None:
    """Claims at once of a pool and a queue with limits neither exceed them nor lock each other out."""
    world.do(change_work_pool, "shore", WorkPoolPatch(concurrency_limit=5))
    world.do(create_work_queue, "shore", WorkQueueCreate(name="narrow", concurrency_limit=10))
    deployment_id = world.deploy(work_queue_name="narrow")
    for _ in range(20):
        world.run(deployment_id)
    with ThreadPoolExecutor(8) as pool:
        taken = [job for jobs in pool.map(lambda _: world.claim(1), range(24)) for job in jobs]
    assert 5 == len(taken)


def test_an_unknown_agent_is_refused(world: World) -> None:
    """An agent tells of itself before it claims; the line says how."""
    with pytest.raises(NotFoundError, match="PUT /api/agents/") as caught:
        world.claim(agent_id=new_id())
    assert "agent_not_found" == caught.value.code


def test_an_agent_of_another_pool_is_refused(world: World) -> None:
    """An agent claims from the pool it serves only."""
    world.pool("harbour")
    with pytest.raises(ConflictError, match="does not serve work pool 'shore'"):
        world.claim()


def test_a_claim_of_another_agent_is_refused(world: World) -> None:
    """A `claim_id` belongs to the agent that chose it."""
    claim_id, other = new_id(), new_id()
    world.claim(claim_id=claim_id)
    world.beat(agent_id=other)
    with pytest.raises(ConflictError, match="another agent"):
        world.claim(claim_id=claim_id, agent_id=other)


@pytest.mark.parametrize(("ahead", "claimed"), [(1.9, 1), (2.0, 1), (2.1, 0)])
def test_a_run_is_claimed_two_seconds_early(world: World, ahead: float, claimed: int) -> None:
    """A run that is due within two seconds may be claimed, a later one may not."""
    world.run(world.deploy(), due=world.now + timedelta(seconds=ahead))
    assert claimed == len(world.claim())


def test_runs_come_by_priority_then_due_time(world: World) -> None:
    """Priority 1 is served first; within a priority what is due first; queues of one priority mix."""
    for name, priority in (("storm", 1), ("calm", 200), ("mild", 200)):
        world.do(create_work_queue, "shore", WorkQueueCreate(name=name, priority=priority))
    homes = {queue: world.deploy(name=queue, work_queue_name=queue) for queue in ("default", "storm", "calm", "mild")}
    due = {("calm", 40), ("mild", 30), ("calm", 20), ("default", 50), ("storm", 10), ("storm", 60)}
    for queue, ago in due:
        world.run(homes[queue], name=f"{queue} {ago}", due=world.now - timedelta(seconds=ago))
    names = [job.flow_run_name for job in world.claim()]
    assert ["storm 60", "storm 10", "default 50", "calm 40", "mild 30", "calm 20"] == names


def test_a_claim_keeps_to_its_slots_and_queues(world: World) -> None:
    """An agent gets no more than it asked for, and only from the queues it names."""
    world.do(create_work_queue, "shore", WorkQueueCreate(name="storm"))
    calm, storm = world.deploy(), world.deploy(name="storm", work_queue_name="storm")
    for home in (calm, calm, storm, storm):
        world.run(home)
    assert ["storm"] == [job.work_queue_name for job in world.claim(1, queues=["storm"])]
    assert ["storm"] == [job.work_queue_name for job in world.claim(queues=["storm"])]
    assert 2 == len(world.claim())


def test_an_unknown_queue_is_refused(world: World) -> None:
    """A queue that does not exist is an error that names it, not an empty answer for ever."""
    with pytest.raises(NotFoundError, match="no queue 'strom'"):
        world.claim(queues=["strom"])


def test_nothing_comes_from_what_is_paused(world: World) -> None:
    """A paused queue or pool gives nothing until it is unpaused, which wakes those that wait."""
    run_id = world.run(world.deploy())
    world.do(change_work_queue, "shore", "default", WorkQueuePatch(paused=True))
    assert [] == world.claim()
    world.do(change_work_queue, "shore", "default", WorkQueuePatch(paused=False))
    world.do(change_work_pool, "shore", WorkPoolPatch(paused=True))
    assert [] == world.claim()
    world.bell.take()
    world.do(change_work_pool, "shore", WorkPoolPatch(paused=False))
    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]
    assert 1 == len(world.claim())


def test_a_pool_limit_holds_over_all_queues(world: World) -> None:
    """With a pool limit of two, two runs are claimed; each that ends makes room for one, and rings."""
    world.do(change_work_pool, "shore", WorkPoolPatch(concurrency_limit=2))
    deployment_id = world.deploy()
    for _ in range(4):
        world.run(deployment_id)
    jobs = world.claim()
    assert 2 == len(jobs)
    assert [] == world.claim()
    world.bell.take()
    world.report(jobs[0].flow_run_id, 1, StateType.RUNNING, StateType.COMPLETED)
    assert 2 == len(world.bell.take())
    assert 1 == len(world.claim())


def test_a_queue_limit_holds_beside_other_queues(world: World) -> None:
    """A full queue does not stop the runs behind it that wait in another queue of the same priority."""
    world.do(create_work_queue, "shore", WorkQueueCreate(name="narrow", concurrency_limit=1))
    narrow, wide = world.deploy(name="narrow", work_queue_name="narrow"), world.deploy()
    for number in range(3):
        world.run(narrow, due=world.now - timedelta(seconds=100 - number))
    world.run(wide)
    assert ["narrow", "default"] == [job.work_queue_name for job in world.claim(3)]


def test_a_limit_of_zero_stops_everything(world: World) -> None:
    """A limit of 0 lets nothing start; taking it away wakes those that wait."""
    world.do(change_work_queue, "shore", "default", WorkQueuePatch(concurrency_limit=0))
    world.run(world.deploy())
    assert [] == world.claim()
    world.bell.take()
    world.do(change_work_queue, "shore", "default", WorkQueuePatch(concurrency_limit=None))
    assert 1 == len(world.bell.take())
    assert 1 == len(world.claim())


def test_a_limit_set_later_counts_what_runs(world: World) -> None:
    """Slots are taken without a limit too, so one set while runs are claimed counts them."""
    deployment_id = world.deploy()
    world.run(deployment_id)
    world.claim()
    world.run(deployment_id)
    world.do(change_work_pool, "shore", WorkPoolPatch(concurrency_limit=1))
    assert [] == world.claim()


def test_a_job_names_its_bundle_and_variables(world: World) -> None:
    """A job says where its code is fetched, and lays the run's variables over deployment and pool."""
    sha256 = "a" * 64
    world.do(change_work_pool, "shore", WorkPoolPatch(job_variables={"a": 1, "b": 1, "c": 1}))
    with world.transaction() as tx:
        tx.connection.execute(bundle.insert().values(sha256=sha256, size=9, created=world.now))
    world.run(world.deploy(bundle=sha256, job_variables={"b": 2, "c": 2}), job_variables={"c": 3})
    (job,) = world.claim()
    assert job.bundle is not None
    assert (sha256, 9, f"/api/bundles/{sha256}/content") == (
        job.bundle.sha256,
        job.bundle.size,
        job.bundle.url,
    )
    assert {"a": 1, "b": 2, "c": 3} == job.job_variables


def test_old_claims_are_purged(world: World) -> None:
    """A claim is remembered for an hour: nobody asks again for its answer after that."""
    world.claim()
    world.pass_time(3_590)
    world.tick()
    assert 1 == len(world.rows(claim))
    world.pass_time(20)
    world.tick()
    assert [] == world.rows(claim)
