"""The outbox: every write that makes a run claimable rings, and what is lost comes again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from alisio.contract.runs import FlowRunCreate
from alisio.contract.states import StateType
from alisio_server.orchestration import waking
from alisio_server.orchestration.flow_runs import create_run
from alisio_server.orchestration.waking import send_wake_ups
from alisio_server.ports import WakeUp
from alisio_server.repeats import Repeats
from tests.integration.orchestration.world import Bell, World


def test_a_new_run_rings_after_its_commit(world: World) -> None:
    """The wake-up names queue, run and due time."""
    run_id = world.run(world.deploy())
    (wake_up,) = world.bell.take()
    assert (world.queue_id(), run_id, world.now) == (wake_up.work_queue_id, wake_up.flow_run_id, wake_up.due)


def test_a_run_that_nobody_claims_at_once_rings_with_the_next_tick(world: World) -> None:
    """The request leaves `wake_at` alone where the run is due; the tick rings again, and moves it on by a minute."""
    run_id = world.run(world.deploy())
    world.bell.take()
    assert (world.now, 60.0) == (world.read(run_id).wake_at, world.read(run_id).wake_interval)
    world.tick()
    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]
    assert (world.now + timedelta(seconds=60), 120.0) == (world.read(run_id).wake_at, world.read(run_id).wake_interval)


def test_a_run_that_is_due_soon_is_rung_for_once(world: World) -> None:
    """The bell holds back what is due within 15 minutes, and no tick before that rings again."""
    due = world.now + timedelta(minutes=5)
    run_id = world.run(world.deploy(), due=due)
    assert [due] == [wake_up.due for wake_up in world.bell.take()]
    assert due + timedelta(seconds=60) == world.read(run_id).wake_at
    assert 0 == world.tick().woken


def test_wake_ups_come_again_ever_more_slowly(world: World) -> None:
    """While nobody claims it a run is rung for by a tick, 1, 2, 4 and 8 minutes later, and then every 15 minutes."""
    world.run(world.deploy())
    world.bell.take()
    began, rang = world.now, []
    for _ in range(60):
        world.pass_time(60)
        world.tick()
        rang += [(world.now - began) // timedelta(minutes=1)] * len(world.bell.take())
    assert [1, 2, 4, 8, 16, 31, 46] == rang


def test_a_bell_that_is_away_is_rung_by_the_next_tick(world: World) -> None:
    """A wake-up that could not be sent fails no request, and comes with the next tick."""
    world.bell.away = True
    run_id = world.run(world.deploy())
    assert world.now == world.read(run_id).wake_at
    world.bell.away = False
    assert 1 == world.tick().woken
    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]


def test_a_bell_that_is_away_is_not_told_of_by_every_request(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of many requests that could not ring one says so."""
    monkeypatch.setattr(waking, "_failures", Repeats())
    deployment_id = world.deploy()
    world.bell.away = True
    for _ in range(3):
        world.run(deployment_id)
    assert ["the wake-ups of 1 runs could not be sent, the tick tries again: the bell is away"] == caplog.messages


def test_a_database_that_fails_after_the_commit_fails_no_request(world: World) -> None:
    """What is committed stands: the request that created a run succeeds though `wake_at` could not be moved on."""
    deployment = world.deploy()

    class Saboteur(Bell):
        def send(self, wake_ups: Iterable[WakeUp]) -> None:
            super().send(wake_ups)
            with world.database.write() as connection:
                connection.execute(text("ALTER TABLE flow_run RENAME TO hidden"))

    saboteur = Saboteur()
    services = replace(world.services, wake_ups=saboteur)
    with services.transaction() as tx:
        due = world.now + timedelta(minutes=5)
        run_id = create_run(tx, deployment, FlowRunCreate(due=due)).id
    with world.database.write() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO flow_run"))

    assert [run_id] == [wake_up.flow_run_id for wake_up in saboteur.rung]
    assert world.now == world.read(run_id).wake_at


def test_a_run_far_ahead_is_rung_for_in_time(world: World) -> None:
    """A wake-up is sent 15 minutes ahead at most; the bell holds it back until the run is due."""
    due = world.now + timedelta(hours=1)
    run_id = world.run(world.deploy(), due=due)
    assert [] == world.bell.take()
    assert due - timedelta(minutes=15) == world.read(run_id).wake_at
    world.pass_time(45 * 60)
    world.tick()
    assert [due] == [wake_up.due for wake_up in world.bell.take()]
    assert due + timedelta(seconds=60) == world.read(run_id).wake_at


def test_a_claim_ends_the_ringing(world: World) -> None:
    """Nobody is woken for a run that is claimed."""
    world.run(world.deploy())
    world.claim()
    world.bell.take()
    world.pass_time(20)
    assert 0 == world.tick().woken


def test_a_wake_up_does_not_overwrite_what_happened_meanwhile(world: World) -> None:
    """Sent a second time after the claim, a wake-up leaves `wake_at` cleared."""
    run_id = world.run(world.deploy())
    world.claim()
    world.bell.take()
    send_wake_ups(world.database, world.bell, [run_id])
    assert ([], None) == (world.bell.take(), world.read(run_id).wake_at)


def test_a_retry_by_hand_rings(world: World) -> None:
    """A run that a person retries is claimable at once, and its queue hears of it."""
    run_id = world.started()
    world.report(run_id, 2, StateType.FAILED)
    world.bell.take()
    world.retry(run_id)
    assert [run_id] == [wake_up.flow_run_id for wake_up in world.bell.take()]


def test_a_start_failure_rings_when_the_run_is_due_again(world: World) -> None:
    """A run that goes back is rung for at the time at which it may be claimed."""
    run_id = world.run(world.deploy())
    (job,) = world.claim()
    world.bell.take()
    world.fail_start(job, final=False)
    (wake_up,) = world.bell.take()
    assert (run_id, world.now + timedelta(seconds=2)) == (wake_up.flow_run_id, wake_up.due)


def test_unclaimed_runs_become_late(world: World) -> None:
    """A run that nobody claims within 15 s of its due time is Late, and still claimable."""
    run_id = world.run(world.deploy())
    world.pass_time(14)
    world.tick()
    assert "Scheduled" == world.read(run_id).state_name
    world.pass_time(1)
    assert 1 == world.tick().late
    assert 0 == world.tick().late
    assert ["Scheduled", "Late"] == world.history(run_id)
    assert 1 == len(world.claim())
