"""What reports carry around the runs: artifacts, materializations of assets, events; and how long it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alisio.contract.ids import new_id
from alisio.contract.news import ArtifactNews, AssetNews, AssetProperties, EventNews, MaterializationNews
from alisio.contract.reports import Report, TaskRunNews
from alisio.contract.states import StateType
from alisio_server.database.around_tables import artifact, asset, asset_dependency, asset_materialization, event
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.removal import delete_run
from alisio_server.orchestration.reports import apply_report
from alisio_server.orchestration.retention import purge
from tests.integration.orchestration.test_report_rows import a_subflow
from tests.integration.orchestration.world import World, by_hand

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


def an_artifact(world: World, **more: Any) -> dict[str, Any]:
    """Make news of an artifact, as they are on the wire."""
    values: dict[str, Any] = {"id": new_id(), "type": "markdown", "data": "# low tide", "created": world.now}
    return ArtifactNews(**{**values, **more}).model_dump(mode="json")


def a_maker(world: World, key: str, *states: StateType, **more: Any) -> TaskRunNews:
    """Make news of a task run that makes an asset."""
    what = MaterializationNews(
        assets=[AssetNews(key=key, **more)], upstream=[AssetNews(key="pg://sea"), AssetNews(key=key)], by="hand"
    )
    told = [world.state(type_) for type_ in states]
    values: dict[str, Any] = {"task_key": "t", "name": "t-0", "index": 0, "states": told}
    return TaskRunNews(id=new_id(), materializes=what.model_dump(mode="json"), **values)


def an_event(world: World, **more: Any) -> dict[str, Any]:
    """Make news of an event, as they are on the wire."""
    values: dict[str, Any] = {
        "id": new_id(), "event": "tide.turned", "occurred": world.now, "resource": {"alisio.resource.id": "sea"}
    }  # fmt: skip
    return EventNews(**{**values, **more}).model_dump(mode="json")


def let_go(world: World) -> None:
    """Remove what is kept no longer; a tick, on a slow machine, would stop before it is done."""
    world.tick()
    purge(world.services, budget_seconds=60)


def test_artifacts_come_with_reports(world: World) -> None:
    """They are of the run, or of a subflow of it; a later news of one changes it in place; a replay does nothing."""
    run_id = world.started()
    subflow = a_subflow(world, RUNNING)
    first, inner = an_artifact(world, key="tide"), an_artifact(world, flow_run_id=subflow.id, task_run_id=new_id())
    world.report(run_id, 2, subflows=[subflow], artifacts=[first, inner])
    changed = {**first, "data": "# high tide"}
    sent = Report(attempt=1, sequence=3, origin="supervisor", artifacts=[changed])
    for _ in range(2):
        world.do(apply_report, run_id, sent)

    rows = {str(row.id): row for row in world.rows(artifact)}
    assert {first["id"], inner["id"]} == rows.keys()
    tide, other = rows[first["id"]], rows[inner["id"]]
    assert (run_id, "tide", "# high tide") == (tide.flow_run_id, tide.key, tide.data)
    assert (subflow.id, inner["task_run_id"]) == (other.flow_run_id, str(other.task_run_id))


def test_an_artifact_of_another_run_is_left_alone(world: World) -> None:
    """News under the id of an artifact of somebody else's run change nothing."""
    mine, others = new_id(), new_id()
    told = an_artifact(world)
    by_hand(world, mine, 1, RUNNING, artifacts=[told])
    by_hand(world, others, 1, RUNNING, artifacts=[{**told, "data": "stolen"}])

    [row] = world.rows(artifact)
    assert (mine, "# low tide") == (row.flow_run_id, row.data)


@pytest.mark.parametrize("kind", ["artifacts", "events"])
def test_rows_of_strangers_are_refused(world: World, kind: str) -> None:
    """A row that names a run outside of the family is refused with its field, and nothing is stored."""
    run_id, stranger = world.started(), new_id()
    make = an_artifact if kind == "artifacts" else an_event
    with pytest.raises(InvalidInputError) as caught:
        world.report(run_id, 2, **{kind: [make(world), make(world, flow_run_id=stranger)]})

    assert f"{kind}.1.flow_run_id" == caught.value.field
    assert [] == world.rows(artifact) + world.rows(event)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"artifacts": [{"id": "x"}]}, "artifacts.0.id"),
        ({"artifacts": [{}]}, "artifacts.0.id"),
        ({"events": [{"id": str(new_id()), "event": "x", "occurred": "now", "resource": {}}]}, "events.0.occurred"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(world: World, more: dict[str, Any], field: str) -> None:
    """With their field, and nothing of the report is stored."""
    run_id = world.started()
    with pytest.raises(InvalidInputError) as caught:
        world.report(run_id, 2, COMPLETED, **more)

    assert field == caught.value.field
    assert "Running" == world.read(run_id).state_name


def test_a_materialization_that_cannot_be_used_is_refused(world: World) -> None:
    """The field says in which task run, and what of it."""
    run_id = world.started()
    news = a_maker(world, "s3://tides", COMPLETED).model_copy(update={"materializes": {"assets": [{"key": "tides"}]}})
    with pytest.raises(InvalidInputError) as caught:
        world.report(run_id, 2, task_runs=[news])

    assert "task_runs.0.materializes.assets.0.key" == caught.value.field


def test_a_run_takes_its_artifacts_along(world: World) -> None:
    """Those of its subflows too; what others have made of the same key stays."""
    gone, stays = new_id(), new_id()
    subflow = a_subflow(world, COMPLETED)
    inner = an_artifact(world, key="tide", flow_run_id=subflow.id)
    by_hand(world, gone, 1, RUNNING, COMPLETED, subflows=[subflow], artifacts=[an_artifact(world, key="tide"), inner])
    by_hand(world, stays, 1, RUNNING, COMPLETED, artifacts=[an_artifact(world, key="tide")])

    world.do(delete_run, gone)

    assert [stays] == [row.flow_run_id for row in world.rows(artifact)]


def test_artifacts_go_with_runs_that_are_purged(world: World) -> None:
    """When the retention lets a run go, its artifacts go before it."""
    by_hand(world, new_id(), 1, RUNNING, COMPLETED, artifacts=[an_artifact(world) for _ in range(3)])
    world.pass_time(timedelta(days=366).total_seconds())

    let_go(world)

    assert [] == world.rows(artifact)


def test_a_materialization_counts_once_its_task_run_has_ended(world: World) -> None:
    """Not before; then with how it went, from what, by whom; a replay, and its own older self, add nothing."""
    run_id = world.started()
    news = a_maker(world, "s3://tides", RUNNING, metadata={"rows": 3})
    world.report(run_id, 2, task_runs=[news])
    assert [] == world.rows(asset) + world.rows(asset_materialization)

    world.pass_time(1)
    done = news.model_copy(update={"states": [*news.states, world.state(COMPLETED)]})
    world.report(run_id, 3, task_runs=[done])
    world.report(run_id, 4, task_runs=[done])

    [made] = world.rows(asset_materialization)
    assert (news.id, "s3://tides", run_id, True) == (made.task_run_id, made.asset_key, made.flow_run_id, made.succeeded)
    assert ("hand", {"rows": 3}, ["pg://sea"]) == (made.materialized_by, made.metadata, made.upstream)
    assert world.now == made.timestamp
    assert {"pg://sea", "s3://tides"} == {row.key for row in world.rows(asset)}
    assert [("s3://tides", "pg://sea")] == [(row.asset_key, row.upstream_key) for row in world.rows(asset_dependency)]


@pytest.mark.parametrize(
    ("state", "name", "counts"),
    [
        (FAILED, "Failed", [False]),
        (COMPLETED, "Cached", []),
        (StateType.CRASHED, "Crashed", []),
        (StateType.CANCELLED, "Cancelled", []),
    ],
)
def test_what_counts_as_a_materialization(world: World, state: StateType, name: str, counts: list[bool]) -> None:
    """One that failed does, as failed; what was Cached was not made anew, and of the others nobody knows."""
    news = a_maker(world, "s3://tides", RUNNING)
    ended = news.model_copy(update={"states": [*news.states, world.state(state, name=name)]})
    by_hand(world, new_id(), 1, RUNNING, task_runs=[ended])

    assert counts == [row.succeeded for row in world.rows(asset_materialization)]


def test_properties_stay_until_others_are_said(world: World) -> None:
    """Said anew they are replaced as a whole; a mention without any changes nothing."""
    said = AssetProperties(name="Tides", url="https://tides")
    by_hand(world, new_id(), 1, RUNNING, task_runs=[a_maker(world, "s3://tides", COMPLETED, properties=said)])
    by_hand(world, new_id(), 1, RUNNING, task_runs=[a_maker(world, "s3://tides", COMPLETED)])
    assert {"name": "Tides", "url": "https://tides"} == world.rows(asset, asset.c.key == "s3://tides")[0].properties

    anew = AssetProperties(name="All tides")
    by_hand(world, new_id(), 1, RUNNING, task_runs=[a_maker(world, "s3://tides", COMPLETED, properties=anew)])
    assert {"name": "All tides"} == world.rows(asset, asset.c.key == "s3://tides")[0].properties


def test_lineage_outlives_its_runs(world: World) -> None:
    """A run takes its materializations along; the assets, and what they are made from, stay known."""
    run_id = new_id()
    by_hand(world, run_id, 1, RUNNING, COMPLETED, task_runs=[a_maker(world, "s3://tides", COMPLETED)])

    world.do(delete_run, run_id)

    assert ([], 2, 1) == (
        world.rows(asset_materialization),
        len(world.rows(asset)),
        len(world.rows(asset_dependency)),
    )


def test_events_come_with_reports_and_are_kept_for_a_time(world: World) -> None:
    """They name the run that has emitted them, are stored once, outlive it, and go after their own time."""
    run_id, told = new_id(), an_event(world)
    by_hand(world, run_id, 1, RUNNING, COMPLETED, events=[told, an_event(world, event="tide.ebbed")])
    by_hand(world, new_id(), 1, RUNNING, events=[told])
    world.do(delete_run, run_id)
    assert [(run_id, "sea")] * 2 == [(row.flow_run_id, row.resource_id) for row in world.rows(event)]

    world.pass_time(timedelta(days=29).total_seconds())
    let_go(world)
    assert 2 == len(world.rows(event))
    world.pass_time(timedelta(days=2).total_seconds())
    let_go(world)
    assert [] == world.rows(event)
