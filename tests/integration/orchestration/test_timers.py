"""The timers of schedules: one for each that makes runs, and nothing depends on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from alisio.contract.deployments import SchedulePatch, ScheduleSpec
from alisio_server.database.tables import flow_run, schedule
from alisio_server.orchestration.deployments import (
    delete_deployment,
    patch_schedule,
    pause_deployment,
    resume_deployment,
)
from alisio_server.orchestration.flows import delete_flow
from alisio_server.orchestration.scheduling.timers import NEVER, fire_timer
from alisio_server.orchestration.tick import TickSummary, tick
from alisio_server.orchestration.work_pools import delete_work_pool
from alisio_server.ports import Timer
from tests.integration.orchestration.world import World

OFTEN = ScheduleSpec(interval_seconds=300, slug="often")
DAILY = ScheduleSpec(interval_seconds=86_400, slug="daily")


@dataclass
class Clocks:
    """Timers that remember how they are set, and can be away."""

    armed: dict[str, Timer] = field(default_factory=dict)
    calls: int = 0
    away: bool = False

    def arm(self, timer: Timer) -> None:
        """Remember a timer."""
        self._be_called()
        self.armed[timer.name] = timer

    def disarm(self, name: str) -> None:
        """Forget a timer."""
        self._be_called()
        self.armed.pop(name, None)

    def _be_called(self) -> None:
        if self.away:
            raise ConnectionRefusedError("the timers are away")
        self.calls += 1

    def times(self) -> dict[str, datetime]:
        """Tell when they fire, by the slugs of their schedules."""
        return {timer.slug: timer.at for timer in self.armed.values()}


@pytest.fixture
def clocks(world: World) -> Clocks:
    """The timers of the world."""
    clocks = Clocks()
    world.services = replace(world.services, timers=clocks)
    return clocks


def minutes(world: World, clocks: Clocks) -> dict[str, float]:
    """Tell in how many minutes timers fire."""
    return {slug: (at - world.now) / timedelta(minutes=1) for slug, at in clocks.times().items()}


def fire(world: World, timer: Timer) -> None:
    """Do what the cloud does when a timer fires."""
    fire_timer(world.services, timer.deployment_id, timer.slug, timer.name)


def flow_of(world: World, deployment_id: UUID) -> UUID:
    """Find the flow of a deployment's runs."""
    found: UUID = world.rows(flow_run, flow_run.c.deployment_id == deployment_id)[0].flow_id
    return found


def test_a_deploy_sets_a_timer_for_each_schedule(world: World, clocks: Clocks) -> None:
    """Each fires 5 minutes before the first time that has no run yet."""
    world.deploy(OFTEN, DAILY)
    midnight = world.now.replace(hour=0) + timedelta(days=1)
    assert {"often": world.now + timedelta(minutes=15), "daily": midnight - timedelta(minutes=5)} == clocks.times()


def test_a_timer_is_called_after_its_deployment(world: World, clocks: Clocks) -> None:
    """People find it by the deployment's name; what the cloud takes no names of is replaced, and none is too long."""
    deployment_id = world.deploy(OFTEN, name="Mareas del año " + "x" * 60)
    (row,) = world.rows(schedule)
    assert [f"Mareas-del-a-o-{'x' * 16}-{row.id.hex}"] == list(clocks.armed)
    assert 64 == len(next(iter(clocks.armed)))
    assert deployment_id == next(iter(clocks.armed.values())).deployment_id


def test_a_timer_that_fires_makes_runs_and_is_set_again(world: World, clocks: Clocks) -> None:
    """The runs of the next quarter of an hour are made, and the timer waits for those after them."""
    world.deploy(OFTEN)
    (timer,) = clocks.armed.values()
    world.pass_time(15 * 60)
    before = len(world.rows(flow_run))
    fire(world, timer)
    assert (before + 3, {"often": 15}) == (len(world.rows(flow_run)), minutes(world, clocks))


def test_a_timer_that_fires_twice_makes_each_run_once(world: World, clocks: Clocks) -> None:
    """The cloud may deliver twice."""
    world.deploy(OFTEN)
    (timer,) = clocks.armed.values()
    world.pass_time(15 * 60)
    fire(world, timer)
    made = len(world.rows(flow_run))
    fire(world, timer)
    assert (made, 1) == (len(world.rows(flow_run)), len(clocks.armed))


def test_ticks_leave_timers_that_are_set_alone(world: World, clocks: Clocks) -> None:
    """The tick makes the runs before the timers do, and asks the cloud for nothing."""
    world.deploy(OFTEN, DAILY)
    calls = clocks.calls
    world.pass_time(60)
    world.tick()
    assert calls == clocks.calls


def test_without_timers_nothing_is_missed(world: World, clocks: Clocks) -> None:
    """All timers deleted behind the server's back: ticks make every run, and set the timers when they would be over."""
    began = world.now
    world.deploy(OFTEN)
    clocks.armed.clear()
    for _ in range(18):
        world.pass_time(60)
        world.tick()
    times = sorted(row.occurrence for row in world.rows(flow_run))
    assert [5, 10, 15, 20, 25, 30] == [(time - began) / timedelta(minutes=1) for time in times]
    assert {"often"} == set(clocks.times())


def test_a_pause_removes_the_timer_and_a_resume_sets_it(world: World, clocks: Clocks) -> None:
    """So it is for a schedule, and for all schedules of a deployment."""
    deployment_id = world.deploy(OFTEN, DAILY)
    world.do(patch_schedule, deployment_id, "often", SchedulePatch(active=False))
    assert {"daily"} == set(clocks.times())
    world.do(pause_deployment, deployment_id)
    assert {} == clocks.armed
    world.do(resume_deployment, deployment_id)
    assert {"daily"} == set(clocks.times())
    world.do(patch_schedule, deployment_id, "often", SchedulePatch(active=True))
    assert {"daily", "often"} == set(clocks.times())


def test_a_rule_that_falls_due_earlier_moves_the_timer(world: World, clocks: Clocks) -> None:
    """A redeploy with a denser rule of the same name sets the timer to an earlier time."""
    world.deploy(DAILY)
    world.deploy(DAILY.model_copy(update={"interval_seconds": 3600.0}))
    assert {"daily": 55} == minutes(world, clocks)


def test_a_timer_goes_with_its_schedule(world: World, clocks: Clocks) -> None:
    """A schedule that is gone has no timer: by a redeploy, with its deployment, or with its flow."""
    deployment_id = world.deploy(OFTEN, DAILY)
    world.deploy(DAILY)
    assert {"daily"} == set(clocks.times())
    world.do(delete_deployment, deployment_id)
    assert {} == clocks.armed
    flow_id = flow_of(world, world.deploy(OFTEN))
    world.do(delete_flow, flow_id)
    assert {} == clocks.armed


def test_a_schedule_without_a_queue_has_no_timer(world: World, clocks: Clocks) -> None:
    """What makes no runs since its pool was deleted has no timer after the next tick."""
    world.deploy(OFTEN)
    world.do(delete_work_pool, "shore")
    world.tick()
    assert ({}, [None]) == (clocks.armed, [row.timer_at for row in world.rows(schedule)])


def test_a_schedule_that_is_over_has_no_timer(world: World, clocks: Clocks) -> None:
    """A single time that has its run needs no timer any more, and ticks do not come back to it."""
    world.deploy(ScheduleSpec(at=world.now + timedelta(hours=1), slug="once"))
    (timer,) = clocks.armed.values()
    world.pass_time(55 * 60)
    fire(world, timer)
    assert (1, {}, [NEVER]) == (len(world.rows(flow_run)), clocks.armed, [row.timer_at for row in world.rows(schedule)])
    calls = clocks.calls
    world.pass_time(60)
    world.tick()
    assert calls == clocks.calls


def test_a_timer_without_a_schedule_removes_itself(world: World, clocks: Clocks) -> None:
    """One whose removal was missed fires once, makes nothing and is gone."""
    deployment_id = world.deploy(OFTEN)
    (timer,) = clocks.armed.values()
    clocks.away = True
    world.do(delete_deployment, deployment_id)
    clocks.away = False
    fire(world, timer)
    assert ([], {}) == (world.rows(flow_run), clocks.armed)


def test_timers_that_are_away_fail_no_request(world: World, clocks: Clocks) -> None:
    """What changed the schedules is done; the tick says that it cannot set timers, and sets them later."""
    clocks.away = True
    world.deploy(OFTEN)
    assert 3 == len(world.rows(flow_run))
    summary: TickSummary = tick(world.services)
    assert ["timers"] == list(summary.failed)
    clocks.away = False
    world.tick()
    assert {"often": 15} == minutes(world, clocks)


def test_what_was_set_before_they_were_away_is_not_set_again(world: World, clocks: Clocks) -> None:
    """A tick that fails in the midst of many keeps what it has done."""
    clocks.away = True
    world.deploy(*(OFTEN.model_copy(update={"slug": f"often-{number}"}) for number in range(3)))
    clocks.away = False

    def fail_at_third(timer: Timer) -> None:
        if len(clocks.armed) == 2:
            raise ConnectionRefusedError("the timers are away")
        clocks.armed[timer.name] = timer

    clocks.arm = fail_at_third  # type: ignore[method-assign]
    tick(world.services)
    assert [False, False, True] == sorted(row.timer_at is None for row in world.rows(schedule))


def test_slow_timers_keep_nothing_else_of_a_tick_waiting(
    world: World, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 20 s of setting timers the tick goes on to wake-ups; the next ones set the others."""
    seconds = 0.0
    monkeypatch.setattr("alisio_server.orchestration.scheduling.timers.monotonic", lambda: seconds)
    clocks.away = True
    world.deploy(*(OFTEN.model_copy(update={"slug": f"often-{number}"}) for number in range(3)))
    clocks.away = False

    def take_15_seconds(timer: Timer) -> None:
        nonlocal seconds
        seconds += 15
        clocks.armed[timer.name] = timer

    clocks.arm = take_15_seconds  # type: ignore[method-assign]
    for armed in (2, 3):
        assert {} == tick(world.services).failed
        assert armed == len(clocks.armed)
    assert 45 == seconds


def test_a_dense_schedule_does_not_set_its_timer_all_the_time(world: World, clocks: Clocks) -> None:
    """One whose next new run is nearer than the timers can tell fires a minute from now, and no sooner."""
    world.deploy(ScheduleSpec(interval_seconds=1, slug="dense"))
    assert {"dense": 1} == minutes(world, clocks)
