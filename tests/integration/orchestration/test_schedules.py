"""Schedules: one run for each time, whatever is run twice, changed, paused, missed or deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.deployments import CatchUp, SchedulePatch, ScheduleSpec
from alisio_server.database.tables import flow_run, schedule
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.deployments import patch_schedule, pause_deployment, resume_deployment
from alisio_server.orchestration.removal import delete_run
from alisio_server.orchestration.scheduling.materialise import MAX_UPCOMING
from tests.integration.orchestration.world import World

FIVE_MINUTES = ScheduleSpec(interval_seconds=300, slug="often")


def times(world: World, *conditions: Any) -> list[datetime]:
    """Read the times that have runs."""
    return sorted(row.occurrence for row in world.rows(flow_run, flow_run.c.occurrence.is_not(None), *conditions))


def minutes(world: World, *conditions: Any) -> list[float]:
    """Read the times that have runs, as minutes from now."""
    return [(time - world.now) / timedelta(minutes=1) for time in times(world, *conditions)]


def run_at(world: World, time: datetime) -> UUID:
    """Find the run of a time."""
    (row,) = world.rows(flow_run, flow_run.c.occurrence == time)
    found: UUID = row.id
    return found


def test_a_deploy_makes_the_next_runs_at_once(world: World) -> None:
    """The runs of the next 15 minutes are there when the deploy is answered, and are rung for."""
    deployment_id = world.deploy(
        FIVE_MINUTES.model_copy(update={"parameters": {"height": 2}}), parameters={"place": "bay"}, tags=["sea"]
    )
    assert [5, 10, 15] == minutes(world)
    assert times(world) == sorted(wake_up.due for wake_up in world.bell.take())
    row = world.read(run_at(world, world.now + timedelta(minutes=5)))
    assert (deployment_id, "often", "schedule") == (row.deployment_id, row.schedule_slug, row.created_by)
    assert ({"place": "bay", "height": 2}, ["sea"]) == (row.parameters, row.tags)
    assert row.due == row.occurrence
    assert ["Scheduled"] == world.history(row.id)


def test_ticks_go_on_where_the_deploy_ended(world: World) -> None:
    """Ticks keep the next quarter of an hour filled, and a tick more makes nothing twice."""
    world.deploy(FIVE_MINUTES)
    world.pass_time(300)
    assert 1 == world.tick().materialised
    assert 0 == world.tick().materialised
    assert [0, 5, 10, 15] == minutes(world)


def test_ticks_at_once_make_one_run(world: World) -> None:
    """Four ticks at the same moment make each run once."""
    for number in range(10):
        world.deploy(FIVE_MINUTES, name=f"number-{number}")
    world.pass_time(300)
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(lambda _: world.tick(), range(4)))
    assert 10 == sum(summary.materialised for summary in summaries)
    assert 40 == len(times(world))


def test_a_redeploy_keeps_what_is_unchanged(world: World) -> None:
    """The same schedule deployed again keeps its watermark, its runs and their ids."""
    world.deploy(FIVE_MINUTES)
    before = {row.id for row in world.rows(flow_run)}
    world.pass_time(60)
    world.deploy(FIVE_MINUTES)
    assert before == {row.id for row in world.rows(flow_run)}


def test_a_redeploy_changes_the_runs_that_wait(world: World) -> None:
    """Runs that nobody has claimed yet take the parameters of the new deployment."""
    world.deploy(FIVE_MINUTES, parameters={"place": "bay"})
    world.deploy(FIVE_MINUTES, parameters={"place": "fjord"}, retries=2)
    rows = world.rows(flow_run)
    assert [({"place": "fjord"}, 2)] * 3 == [(row.parameters, row.retries) for row in rows]


def test_a_changed_schedule_replaces_its_runs(world: World) -> None:
    """An edit removes the unclaimed runs and makes those of the new rule."""
    world.deploy(FIVE_MINUTES)
    world.deploy(ScheduleSpec(interval_seconds=420, slug="often"))
    step = timedelta(minutes=7)
    assert times(world)
    assert [timedelta(0)] * len(times(world)) == [
        (time - datetime.fromtimestamp(0, time.tzinfo)) % step for time in times(world)
    ]


def test_a_removed_schedule_takes_its_runs_with_it(world: World) -> None:
    """A schedule that is not in the list any more is gone, with its unclaimed runs; None leaves all as it is."""
    world.deploy(FIVE_MINUTES, ScheduleSpec(cron="*/3 * * * *"))
    world.deploy(FIVE_MINUTES)
    assert ["often"] == [row.slug for row in world.rows(schedule)]
    assert [5, 10, 15] == minutes(world)
    world.deploy(schedules=None)
    assert [5, 10, 15] == minutes(world)


def test_schedules_without_a_slug_are_named_by_their_rule(world: World) -> None:
    """A derived slug stays the same over redeploys; equal rules are told apart."""
    twice = [ScheduleSpec(cron="0 9 * * *"), ScheduleSpec(cron="0 9 * * *", parameters={"a": 1})]
    world.deploy(*twice)
    first = {row.id: row.slug for row in world.rows(schedule)}
    world.deploy(*twice)
    assert first == {row.id: row.slug for row in world.rows(schedule)}
    plain, numbered = sorted(first.values())
    assert plain.startswith("cron-")
    assert f"{plain}-2" == numbered


@pytest.mark.parametrize(
    ("bad", "field", "why"),
    [
        (ScheduleSpec(cron="0 25 * * *"), "schedules.1.cron", "bad hour"),
        (ScheduleSpec(cron="0 0 30 2 *"), "schedules.1.cron", "bad day-of-month"),
        (ScheduleSpec(cron="0 9 * * *", timezone="Mars/Base"), "schedules.1.timezone", "no time zone 'Mars/Base'"),
        (ScheduleSpec(rrule="FREQ=SOMETIMES"), "schedules.1.rrule", "FREQ is one of"),
        (ScheduleSpec(interval_seconds=60, slug="often"), "schedules.1.slug", "two schedules have the slug"),
    ],
)
def test_a_bad_schedule_is_refused_whole(world: World, bad: ScheduleSpec, field: str, why: str) -> None:
    """One line says which schedule is wrong and why, and nothing of the deployment is stored."""
    with pytest.raises(InvalidInputError, match=why) as caught:
        world.deploy(FIVE_MINUTES, bad)
    assert field == caught.value.field
    assert 1 == len(caught.value.message.splitlines())
    assert [] == world.rows(schedule)


def test_a_pause_removes_what_schedules_made(world: World) -> None:
    """Pausing removes the unclaimed runs of schedules and keeps those people asked for; resuming starts from now."""
    deployment_id = world.deploy(FIVE_MINUTES)
    asked = world.run(deployment_id)
    world.do(pause_deployment, deployment_id)
    assert [asked] == [row.id for row in world.rows(flow_run)]
    world.pass_time(3_600 + 60)
    world.tick()
    assert [] == times(world)
    world.do(resume_deployment, deployment_id)
    assert [4, 9, 14] == minutes(world)


def test_a_pause_leaves_claimed_runs_alone(world: World) -> None:
    """What an agent holds already goes on."""
    deployment_id = world.deploy(FIVE_MINUTES)
    world.pass_time(300)
    (job,) = world.claim()
    world.do(pause_deployment, deployment_id)
    assert [job.flow_run_id] == [row.id for row in world.rows(flow_run)]


def test_one_schedule_is_paused_alone(world: World) -> None:
    """Of two schedules the paused one loses its runs; active again it goes on from then."""
    deployment_id = world.deploy(FIVE_MINUTES, ScheduleSpec(interval_seconds=600, slug="seldom"))
    world.do(patch_schedule, deployment_id, "often", SchedulePatch(active=False))
    assert ["seldom"] == [row.schedule_slug for row in world.rows(flow_run)]
    world.pass_time(1_800)
    world.do(patch_schedule, deployment_id, "often", SchedulePatch(active=True))
    assert [5, 10, 15] == minutes(world, flow_run.c.schedule_slug == "often")


def test_an_unknown_schedule_is_refused(world: World) -> None:
    """The line names the schedules that there are."""
    deployment_id = world.deploy(FIVE_MINUTES)
    with pytest.raises(NotFoundError, match="it has: often"):
        world.do(patch_schedule, deployment_id, "seldom", SchedulePatch(active=False))


@pytest.mark.parametrize(
    ("catch_up", "caught_up"),
    [(CatchUp.LATEST, [60]), (CatchUp.NONE, []), (CatchUp.ALL, [20, 25, 30, 35, 40, 45, 50, 55, 60])],
)
def test_missed_times_are_caught_up(world: World, catch_up: CatchUp, caught_up: list[int]) -> None:
    """After an hour without a tick the missed times get a run for the latest, for none, or for all of them."""
    world.deploy(FIVE_MINUTES.model_copy(update={"catch_up": catch_up}))
    noon = world.now
    world.pass_time(62 * 60)
    world.tick()
    made = [(time - noon) / timedelta(minutes=1) for time in times(world)]
    assert [5, 10, 15, *caught_up, 65, 70, 75] == made


def test_catching_up_is_bounded(world: World) -> None:
    """A dense schedule that catches all up makes a hundred runs a pass, and gets there in the end."""
    dense = ScheduleSpec(interval_seconds=60, slug="dense", catch_up=CatchUp.ALL)
    world.deploy(dense)
    world.pass_time(5 * 3_600)
    counts = []
    while made := world.tick().materialised:
        counts.append(made)
    assert 100 == counts[0] == max(counts)
    assert 5 * 60 + 15 == len(times(world))


def test_a_dense_schedule_does_not_fill_the_database(world: World) -> None:
    """Of a schedule of every second a hundred runs wait, and no more are made until some are due."""
    world.deploy(ScheduleSpec(interval_seconds=1))
    assert MAX_UPCOMING == len(times(world))
    assert 0 == world.tick().materialised
    world.pass_time(5)
    assert 5 == world.tick().materialised
    assert [timedelta(seconds=1)] == sorted(
        {late - early for early, late in zip(times(world), times(world)[1:], strict=False)}
    )


def test_a_deleted_occurrence_stays_cancelled(world: World) -> None:
    """A person who deletes a run of a schedule gets rid of that time: nothing makes it again."""
    deployment_id = world.deploy(FIVE_MINUTES)
    time = world.now + timedelta(minutes=5)
    run_id = run_at(world, time)
    world.do(delete_run, run_id)
    assert ("CANCELLED", None) == (world.read(run_id).state_type, world.read(run_id).wake_at)
    world.do(delete_run, run_id)
    world.do(pause_deployment, deployment_id)
    world.do(resume_deployment, deployment_id)
    world.deploy(FIVE_MINUTES)
    world.tick()
    assert run_id == run_at(world, time)
    assert "CANCELLED" == world.read(run_id).state_type


def test_a_one_off_schedule_runs_once(world: World) -> None:
    """A schedule with a single instant makes one run, and none when it is deployed again later."""
    once = ScheduleSpec(at=world.now + timedelta(minutes=7))
    world.deploy(once)
    assert [7] == minutes(world)
    world.pass_time(3_600)
    world.tick()
    world.deploy(once)
    assert [-53] == minutes(world)


def test_a_paused_deployment_gets_no_runs_from_a_redeploy(world: World) -> None:
    """A redeploy does not resume what a person has paused."""
    deployment_id = world.deploy(FIVE_MINUTES)
    world.do(pause_deployment, deployment_id)
    world.deploy(FIVE_MINUTES)
    world.tick()
    assert [] == times(world)


def test_many_schedules_are_materialised_in_batches(world: World) -> None:
    """More schedules than fit into one transaction are all dealt with by one tick."""
    specs = [ScheduleSpec(interval_seconds=3_600 + number, slug=f"s-{number}") for number in range(90)]
    for number in range(5):
        world.deploy(*specs, name=f"number-{number}")
    world.pass_time(2 * 3_600)
    assert 450 <= world.tick().materialised
    assert {world.now + timedelta(minutes=15)} == {row.materialised_until for row in world.rows(schedule)}
