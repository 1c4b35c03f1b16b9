"""Backfills: the runs of times that have passed, shown before they are made, and made once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.deployments import BackfillAnswer, BackfillRequest, ScheduleSpec
from alisio_server.database.tables import flow_run
from alisio_server.errors import AlisioServerError
from alisio_server.orchestration.backfills import backfill
from alisio_server.orchestration.deployments import pause_deployment
from tests.integration.orchestration.world import World

FIVE_MINUTES = ScheduleSpec(interval_seconds=300, slug="often", parameters={"height": 2})


def fill(world: World, deployment_id: UUID, since: float, until: float = 0, **more: Any) -> BackfillAnswer:
    """Backfill a span, given in minutes before now."""
    start, end = (world.now - timedelta(minutes=minutes) for minutes in (since, until))
    answer: BackfillAnswer = world.do(backfill, deployment_id, BackfillRequest(start=start, end=end, **more))
    return answer


def test_a_backfill_makes_the_runs_of_a_span(world: World) -> None:
    """Both ends count; the runs are due now, know their time, and are like those that the schedule makes."""
    deployment_id = world.deploy(FIVE_MINUTES, parameters={"place": "bay"}, tags=["sea"])
    world.bell.take()
    answer = fill(world, deployment_id, 15, 5)
    assert (3, "often") == (answer.created, answer.schedule)
    assert 3 == len(world.bell.take())
    jobs = world.claim()
    ago = [(world.now - job.scheduled_start_time) / timedelta(minutes=1) for job in jobs]
    assert [15, 10, 5] == ago
    assert [world.now] * 3 == [job.due for job in jobs]
    assert [({"place": "bay", "height": 2}, ["sea"])] * 3 == [(job.parameters, job.tags) for job in jobs]
    assert {"backfill"} == {world.read(job.flow_run_id).created_by for job in jobs}


def test_a_dry_run_makes_nothing(world: World) -> None:
    """It tells the times, and which of them have a run."""
    deployment_id = world.deploy(FIVE_MINUTES)
    before = len(world.rows(flow_run))
    answer = fill(world, deployment_id, 10, dry_run=True)
    assert [None] * 3 == [time.flow_run_id for time in answer.times]
    assert (0, before) == (answer.created, len(world.rows(flow_run)))


def test_asked_twice_it_makes_once(world: World) -> None:
    """Times that have a run, whatever made it and whatever became of it, get no other one."""
    deployment_id = world.deploy(FIVE_MINUTES)
    world.pass_time(300)
    assert 2 == fill(world, deployment_id, 10).created
    again = fill(world, deployment_id, 10)
    assert 0 == again.created
    assert 3 == len({time.flow_run_id for time in again.times} - {None})


def test_the_latest_minutes_are_the_schedules_own(world: World) -> None:
    """A time that a backfill has made is not made again by the tick."""
    deployment_id = world.deploy(FIVE_MINUTES)
    world.pass_time(1_800)
    fill(world, deployment_id, 30)
    world.tick()
    times = [row.occurrence for row in world.rows(flow_run)]
    assert len(times) == len(set(times))


def test_backfilled_runs_survive_a_pause(world: World) -> None:
    """A pause removes what the schedule made, not what a person asked for."""
    deployment_id = world.deploy(FIVE_MINUTES)
    fill(world, deployment_id, 5)
    world.do(pause_deployment, deployment_id)
    assert ["backfill"] * 2 == [row.created_by for row in world.rows(flow_run)]
    assert 1 == fill(world, deployment_id, 10).created


@pytest.mark.parametrize(
    ("span", "more", "why"),
    [
        ((5, -5), {}, "end: lies in the future"),
        ((5, 10), {}, "comes after the end, "),
        ((6_000, 0), {}, "end: more than 1,000 times"),
        ((5, 0), {"schedule": "never"}, "no schedule 'never'; it has: often"),
    ],
)
def test_a_span_that_cannot_be_used_is_refused(
    world: World, span: tuple[int, int], more: dict[str, str], why: str
) -> None:
    """One line says what is wrong, and no run is made."""
    deployment_id = world.deploy(FIVE_MINUTES)
    before = len(world.rows(flow_run))
    with pytest.raises(AlisioServerError, match=why):
        fill(world, deployment_id, *span, **more)
    assert before == len(world.rows(flow_run))


def test_one_of_several_schedules_is_named(world: World) -> None:
    """Where a deployment has several schedules the request says which; the line names them."""
    deployment_id = world.deploy(FIVE_MINUTES, ScheduleSpec(cron="0 * * * *", slug="hourly"))
    with pytest.raises(AlisioServerError, match=r"2 schedules: name one of them \(hourly, often\)"):
        fill(world, deployment_id, 60)
    assert 1 == fill(world, deployment_id, 59, schedule="hourly").created
