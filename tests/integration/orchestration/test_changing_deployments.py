"""Changing some fields of a deployment: the others stay, whoever changes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.deployments import DeploymentPatch, ScheduleSpec
from alisio.contract.ids import new_id
from alisio.contract.work_pools import WorkPoolCreate
from alisio_server.database.tables import deployment, schedule
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.deployments import change_deployment
from alisio_server.orchestration.work_pools import create_work_pool, delete_work_pool
from tests.integration.orchestration.world import World


def change(world: World, deployment_id: UUID, **fields: Any) -> Any:
    """Change a deployment; give back its row."""
    world.do(change_deployment, deployment_id, DeploymentPatch(**fields))
    [row] = world.rows(deployment, deployment.c.id == deployment_id)
    return row


def test_what_is_not_given_stays(world: World) -> None:
    """Among that its schedules, its retries and its parameters; what is null is empty afterwards."""
    daily = ScheduleSpec(cron="0 6 * * *", slug="daily")
    made = world.deploy(daily, description="said", retries=3, parameters={"a": 1}, concurrency_limit=2, tags=["old"])

    row = change(world, made, tags=["new"], description=None)
    assert (["new"], None, 3, {"a": 1}, 2) == (
        row.tags,
        row.description,
        row.retries,
        row.parameters,
        row.concurrency_limit,
    )
    assert ["daily"] == [row.slug for row in world.rows(schedule)]
    change(world, made, schedules=[])
    assert [] == world.rows(schedule)


def test_two_who_change_it_at_once_undo_nothing(world: World) -> None:
    """The second waits for the first, and changes what that has left."""
    made = world.deploy()
    with ThreadPoolExecutor(1) as other:
        with world.transaction() as tx:
            change_deployment(tx, made, DeploymentPatch(tags=["first"]))
            second = other.submit(change, world, made, description="second")
        second.result(30)

    [row] = world.rows(deployment)
    assert (["first"], "second") == (row.tags, row.description)


def test_a_limit_goes_with_what_is_said_of_it(world: World) -> None:
    """Without a limit there is no strategy for what is beyond it."""
    made = world.deploy(concurrency_limit=2, collision_strategy="CANCEL_NEW", grace_period_seconds=90)

    row = change(world, made, concurrency_limit=3)
    assert (3, "CANCEL_NEW", 90) == (row.concurrency_limit, row.collision_strategy, row.grace_period_seconds)
    row = change(world, made, concurrency_limit=None)
    assert (None, None, None) == (row.concurrency_limit, row.collision_strategy, row.grace_period_seconds)
    with pytest.raises(InvalidInputError, match="go with concurrency_limit only"):
        change(world, made, collision_strategy="ENQUEUE")


def test_it_rests_and_goes_on(world: World) -> None:
    """Other changes leave it paused."""
    made = world.deploy(ScheduleSpec(interval_seconds=60, slug="often"))

    assert change(world, made, paused=True).paused
    assert change(world, made, version="2").paused
    row = change(world, made, paused=False, version="3")
    assert (False, "3") == (row.paused, row.version)


def test_what_cannot_be_used_is_told(world: World) -> None:
    """One line names the field; the deployment stays as it was."""
    made = world.deploy(tags=["old"])

    for name in ("tags", "entrypoint", "paused", "work_pool_name"):
        with pytest.raises(InvalidInputError, match=f"^{name} cannot be null$") as caught:
            change(world, made, **{"version": "2", name: None})
        assert name == caught.value.field
    with pytest.raises(NotFoundError, match="alisio work-pool create reef"):
        change(world, made, work_pool_name="reef")
    with pytest.raises(NotFoundError, match="there is no deployment"):
        change(world, new_id(), version="2")
    [row] = world.rows(deployment)
    assert (["old"], None) == (row.tags, row.version)


def test_one_whose_pool_is_gone_is_given_another(world: World) -> None:
    """It has none of its own any more, so whatever is changed of it, that must be said."""
    made = world.deploy()
    world.do(create_work_pool, WorkPoolCreate(name="reef"))
    world.do(delete_work_pool, "shore")

    with pytest.raises(InvalidInputError, match="was deleted: give work_pool_name"):
        change(world, made, version="2")
    row = change(world, made, version="2", work_pool_name="reef", work_queue_name="default")
    assert ("2", True) == (row.version, row.work_queue_id is not None)
