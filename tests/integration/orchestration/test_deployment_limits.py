"""Limits of deployments: claims count by them, and what is due beyond them waits or is cancelled."""

from __future__ import annotations

from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, event

from alisio.contract.base import utc_now
from alisio.contract.deployments import DeploymentSpec
from alisio.contract.ids import new_id
from alisio.contract.limits import ConcurrencyLimitStrategy
from alisio.contract.reports import DirectiveKind, Origin, Report
from alisio.contract.states import StateType
from alisio.contract.work_pools import ClaimRequest, Job
from alisio_server.database.indexes import metadata
from alisio_server.database.tables import concurrency_slot
from alisio_server.orchestration import claims, deployment_limits
from alisio_server.orchestration.reports import apply_report
from tests.integration.orchestration.world import World, url_of

CANCEL_NEW = ConcurrencyLimitStrategy.CANCEL_NEW


def runs(world: World, deployment_id: UUID, count: int) -> list[UUID]:
    """Ask for runs, one a second."""
    made = []
    for _ in range(count):
        made.append(world.run(deployment_id))
        world.pass_time(1)
    return made


def ids(jobs: list[Job]) -> list[UUID]:
    """Give the runs of jobs."""
    return [job.flow_run_id for job in jobs]


def test_no_more_runs_than_the_limit_are_claimed(world: World) -> None:
    """The runs beyond the limit wait, under that name, and others of the queue go past them."""
    limited = world.deploy(name="limited", concurrency_limit=2)
    first, second, third, fourth = runs(world, limited, 4)
    free = world.run(world.deploy(name="free"))

    assert [first, second, free] == ids(world.claim())
    assert ["Scheduled", "AwaitingConcurrencySlot"] == world.history(third)
    assert "It waits for others of its deployment: the limit is 2 runs at once." == world.read(fourth).state_message
    assert [] == world.claim()


def test_the_end_of_one_wakes_the_next(world: World) -> None:
    """A freed slot has the queue rung for who waits, in the same moment, and goes to the earliest."""
    limited = world.deploy(concurrency_limit=1)
    first, second, third = runs(world, limited, 3)
    assert [first] == ids(world.claim())
    world.report(first, 1, StateType.RUNNING)
    world.bell.take()

    world.report(first, 2, StateType.COMPLETED)
    assert {second, third} == {wake_up.flow_run_id for wake_up in world.bell.take()}
    assert [second] == ids(world.claim())


def test_a_page_of_waiting_runs_hides_no_other(world: World) -> None:
    """An agent with one slot gets the run of another deployment, though many of a full one are due before it."""
    limited = world.deploy(name="limited", concurrency_limit=1)
    first, *_ = runs(world, limited, 5)
    free = world.run(world.deploy(name="free"))

    assert [first] == ids(world.claim(1))
    assert [free] == ids(world.claim(1))


def test_cancel_new_cancels_what_is_due_beyond_the_limit(world: World) -> None:
    """With CANCEL_NEW a run that is due while the limit is reached is CANCELLED, and says why."""
    limited = world.deploy(concurrency_limit=1, collision_strategy=CANCEL_NEW)
    first, second = runs(world, limited, 2)

    assert [first] == ids(world.claim())
    row = world.read(second)
    assert (StateType.CANCELLED, "Cancelled: its deployment's limit of 1 run at once was reached.") == (
        row.state_type, row.state_message
    )  # fmt: skip


def test_the_tick_decides_where_no_agent_asks(world: World) -> None:
    """A run that falls due between claims is decided by the clockwork; one that was executed before waits."""
    limited = world.deploy(concurrency_limit=1, collision_strategy=CANCEL_NEW, retries=1, retry_delays=[60])
    first = world.run(limited)
    world.claim()
    world.report(first, 1, StateType.RUNNING)
    world.report(first, 2, StateType.FAILED)
    second = world.run(limited)
    assert [second] == ids(world.claim())
    world.report(second, 1, StateType.RUNNING)
    third = world.run(limited)

    world.pass_time(20)
    world.report(second, 2)
    world.tick()
    assert StateType.CANCELLED == world.read(third).state_type
    for sequence in range(3, 8):
        world.pass_time(12)
        world.report(second, sequence)
        world.tick()
    assert "AwaitingConcurrencySlot" == world.read(first).state_name


def test_a_run_that_waits_for_a_slot_is_not_late(world: World) -> None:
    """As long as its deployment is full it is called by what it waits for, and Late only once it could start."""
    limited = world.deploy(concurrency_limit=1)
    first, second = runs(world, limited, 2)
    world.claim()
    world.report(first, 1, StateType.RUNNING)

    world.pass_time(20)
    world.tick()
    assert "AwaitingConcurrencySlot" == world.read(second).state_name
    world.report(first, 2, StateType.COMPLETED)
    world.tick()
    assert "Late" == world.read(second).state_name


def test_a_crash_and_a_silent_agent_give_the_slot_back(world: World) -> None:
    """The slot goes with the lease: with an executor that falls silent, and with an agent that never started it."""
    limited = world.deploy(concurrency_limit=1)
    first, second, third = runs(world, limited, 3)
    world.claim()
    world.report(first, 1, StateType.RUNNING)
    world.tick_for(40)
    assert StateType.CRASHED == world.read(first).state_type

    assert [second] == ids(world.claim())
    world.tick_for(40)
    assert [third] == ids(world.claim())
    world.report(third, 1, StateType.RUNNING)
    world.report(third, 2, StateType.COMPLETED)
    assert [second] == ids(world.claim())


def test_a_retry_in_place_keeps_the_slot(world: World) -> None:
    """A run that its supervisor retries at once is executed all the time; nobody comes between."""
    limited = world.deploy(concurrency_limit=1, retries=1, retry_delays=[5])
    first, _ = runs(world, limited, 2)
    world.claim()
    world.report(first, 1, StateType.RUNNING)

    answer = world.report(first, 2, StateType.FAILED)
    assert [DirectiveKind.RETRY] == [directive.kind for directive in answer.directives]
    assert [] == world.claim()


def test_a_run_that_comes_back_takes_its_slot_again(world: World) -> None:
    """One that was believed dead counts again when it reports, beside who has started meanwhile."""
    limited = world.deploy(concurrency_limit=1)
    first, second, _ = runs(world, limited, 3)
    world.claim()
    world.report(first, 1, StateType.RUNNING)
    world.tick_for(40)
    assert [second] == ids(world.claim())

    world.report(first, 2)
    world.report(second, 1, StateType.RUNNING)
    world.report(second, 2, StateType.COMPLETED)
    assert [] == world.claim()


@pytest.mark.parametrize("after", [3, None])
def test_more_room_wakes_those_who_wait(world: World, after: int | None) -> None:
    """A limit that is raised, or taken away, lets the waiting runs start at once."""
    limited = world.deploy(concurrency_limit=1)
    _, second, third = runs(world, limited, 3)
    world.claim()
    world.bell.take()

    world.deploy(concurrency_limit=after)
    assert {second, third} == {wake_up.flow_run_id for wake_up in world.bell.take()}
    assert [second, third] == ids(world.claim())


def test_a_limit_set_later_counts_the_runs_that_are_executed(world: World) -> None:
    """A deployment that gets its first limit while runs are executed counts these; without one, slots are dropped."""
    limited = world.deploy()
    first = world.run(limited)
    world.claim()
    world.deploy(concurrency_limit=1)
    second = world.run(limited)

    assert [] == world.claim()
    world.deploy()
    keys = {row.limit_key.partition(":")[0] for row in world.rows(concurrency_slot)}
    assert {"work-pool", "work-queue"} == keys
    assert [second] == ids(world.claim())
    assert first != second


def test_the_grace_period_is_the_time_to_begin(world: World) -> None:
    """A claimed run may take as long as the deployment says to begin; then its slot is another's."""
    limited = world.deploy(concurrency_limit=1, grace_period_seconds=120)
    world.run(limited)
    [job] = world.claim()
    assert 120 == job.start_timeout_seconds

    def beat_for(seconds: int) -> None:
        for _ in range(seconds // 10):
            world.pass_time(10)
            world.beat(job)
            world.tick()

    beat_for(110)
    assert StateType.PENDING == world.read(job.flow_run_id).state_type
    beat_for(60)
    assert StateType.SCHEDULED == world.read(job.flow_run_id).state_type


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"concurrency_limit": 0}, "concurrency_limit"),
        ({"concurrency_limit": 1, "grace_period_seconds": 59}, "grace_period_seconds"),
        ({"grace_period_seconds": 60}, "go with concurrency_limit only"),
        ({"collision_strategy": "CANCEL_NEW"}, "go with concurrency_limit only"),
        ({"concurrency_limit": 1, "collision_strategy": "SHRUG"}, "collision_strategy"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], fault: str) -> None:
    """What cannot be a limit of a deployment is refused with the option's name."""
    with pytest.raises(ValidationError, match=fault):
        DeploymentSpec(flow_name="f", name="d", entrypoint="f.py:f", work_pool_name="p", **options)


def test_claims_at_once_count_one_after_the_other(world: World) -> None:
    """Agents that claim at the same moment get no more runs between them than the limit allows."""
    limited = world.deploy(concurrency_limit=3)
    runs(world, limited, 8)
    claimed: list[Job] = []

    def claim() -> None:
        claimed.extend(world.claim(2))

    threads = [Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 3 == len(claimed) == len(set(ids(claimed)))


def test_a_run_that_falls_due_after_the_count_waits_for_the_next_claim(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim takes nothing of a deployment whose slots it has not counted."""
    limited = world.run(world.deploy(concurrency_limit=1))
    with monkeypatch.context() as before_it_was_due:
        before_it_was_due.setattr(claims, "limited_in_queues", lambda *_: {})
        assert [] == world.claim()

    assert [limited] == ids(world.claim())


def test_a_limit_that_is_set_while_a_run_ends_leaves_no_slot_behind(world: World) -> None:
    """The run's slot would be nobody's to give back, and the deployment have one less for ever."""
    run_id = world.started()
    deploying = Thread(target=world.deploy, kwargs={"concurrency_limit": 1})
    with world.transaction() as tx:
        ended = [world.state(StateType.COMPLETED)]
        apply_report(tx, run_id, Report(attempt=1, sequence=2, origin=Origin.SUPERVISOR, states=ended))
        deploying.start()
        deploying.join(0.2)
    deploying.join()

    assert 0 == world.slots()


def test_a_first_limit_counts_the_run_that_is_claimed_at_that_moment(world: World) -> None:
    """A claim that has not committed when the limit is set does not know of it, and takes a slot nevertheless."""
    first = world.run(world.deploy())
    deploying = Thread(target=world.deploy, kwargs={"concurrency_limit": 1})
    with world.transaction() as tx:
        request = ClaimRequest(claim_id=new_id(), agent_id=world.agent_id, slots=10)
        assert [first] == ids(claims.claim_runs(tx, "shore", request, url_of).jobs)
        deploying.start()
        deploying.join(0.2)
    deploying.join()
    world.pass_time(1)
    second = world.run(world.deploy(concurrency_limit=1))

    assert [] == world.claim()
    world.report(first, 1, StateType.RUNNING)
    world.report(first, 2, StateType.COMPLETED)
    assert [second] == ids(world.claim())


def test_a_tick_reads_only_runs_that_wait() -> None:
    """SQLite, which may know nothing of how many there are, does not look through all that a deployment ever had."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    told: list[tuple[str, Any]] = []
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda _, __, text, values, *___: told.append((text, values)))
        assert [] == connection.execute(deployment_limits._ANYWHERE, {"until": utc_now()}).all()
        statement, values = told[0]
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    engine.dispose()

    assert [] == [step for step in plan if "ix_flow_run_deployment" in step]
    assert [] == [step for step in plan if step.startswith("SCAN flow_run")]
