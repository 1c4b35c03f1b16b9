"""Data of artifacts that are uploaded apart: who has them, and when they go."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.artifact_data import ArtifactDataAnnounce
from alisio.contract.artifacts import ArtifactCreate, ArtifactPatch, ArtifactQuery
from alisio.contract.ids import new_id
from alisio.contract.states import StateType
from alisio_server.database.around_tables import artifact, artifact_data
from alisio_server.database.queries.artifacts import filter_artifacts, find_artifact, find_latest
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.artifact_data import data_key
from alisio_server.orchestration.artifact_uploads import announce_data, fetch_data, store_data
from alisio_server.orchestration.artifacts import change_artifact, create_artifact, delete_artifact, delete_versions
from alisio_server.orchestration.database_stats import read_stats
from alisio_server.orchestration.removal import delete_run
from tests.integration.orchestration.test_around import an_artifact, let_go
from tests.integration.orchestration.test_report_rows import a_subflow
from tests.integration.orchestration.world import World, by_hand

RUNNING, COMPLETED = StateType.RUNNING, StateType.COMPLETED
DAY = 86_400.0
CONTENT = b'"# a long text"'


def announced(content: bytes = CONTENT, data_id: UUID | None = None) -> ArtifactDataAnnounce:
    """Make the announcement of data."""
    sha256 = hashlib.sha256(content).hexdigest()
    return ArtifactDataAnnounce(id=data_id or new_id(), sha256=sha256, size=len(content))


def uploaded(world: World, content: bytes = CONTENT) -> UUID:
    """Upload data."""
    announce = announced(content)
    answer = announce_data(world.services, announce)
    assert answer.upload is not None
    assert ("PUT", f"/api/artifact-data/{announce.id}/content") == (answer.upload.method, answer.upload.url)
    store_data(world.services, announce.id, content)
    assert announce_data(world.services, announce).upload is None
    return announce.id


def made(world: World, **more: Any) -> UUID:
    """Make an artifact outside of runs."""
    artifact_id: UUID = world.do(create_artifact, ArtifactCreate(type="markdown", **more))
    return artifact_id


def is_kept(world: World, data_id: UUID) -> bool:
    """Tell whether there is an object, and a row of it: there are always both or none."""
    size = world.services.objects.size_of(data_key(data_id))
    rows = world.rows(artifact_data, artifact_data.c.id == data_id)
    assert (size is not None) == bool(rows)
    return size is not None


def test_an_artifact_has_its_data_apart(world: World) -> None:
    """It names them wherever it is read; its own `data` are null, and lists carry nothing more with it."""
    data_id = uploaded(world)
    artifact_id = made(world, key="long", data_id=data_id)
    small = made(world, key="short", data="x")

    with world.database.read() as connection:
        one = find_artifact(connection, artifact_id)
        latest = find_latest(connection, "long")
        listed = filter_artifacts(connection, ArtifactQuery(with_data=True)).items
    assert one is not None
    assert (None, data_id) == (one.data, one.data_id)
    assert one == latest
    assert {artifact_id: (None, data_id), small: ("x", None)} == {each.id: (each.data, each.data_id) for each in listed}
    assert CONTENT == fetch_data(world.services, data_id)
    let_go(world)
    world.pass_time(2 * DAY)
    let_go(world)
    assert is_kept(world, data_id)


def test_asking_twice_makes_one(world: World) -> None:
    """A lost answer is asked for again, of the upload and of the artifact."""
    data_id, artifact_id = uploaded(world), new_id()
    store_data(world.services, data_id, CONTENT)
    for _ in range(2):
        made(world, id=artifact_id, data_id=data_id)
    assert [artifact_id] == [row.artifact_id for row in world.rows(artifact_data)]


def test_data_come_with_reports(world: World) -> None:
    """They are those of an artifact of the run or of its subflow; a later news of it has others, or none."""
    run_id = world.started()
    subflow = a_subflow(world, RUNNING)
    first, second, inner = (uploaded(world) for _ in range(3))
    told, below = (
        an_artifact(world, data=None, data_id=first),
        an_artifact(world, data=None, data_id=inner, flow_run_id=subflow.id),
    )
    world.report(run_id, 2, subflows=[subflow], artifacts=[told, below])
    owners = {row.id: row.artifact_id for row in world.rows(artifact_data)}
    assert {first: UUID(told["id"]), second: None, inner: UUID(below["id"])} == owners

    world.report(run_id, 3, artifacts=[{**told, "data_id": str(second)}])
    world.report(run_id, 4, artifacts=[{**below, "data_id": None, "data": "short"}])

    owners = {row.id: row.artifact_id for row in world.rows(artifact_data)}
    assert {first: None, second: UUID(told["id"]), inner: None} == owners
    assert {"short", None} == {row.data for row in world.rows(artifact)}
    world.pass_time(1.1 * DAY)
    let_go(world)
    assert [False, True, False] == [is_kept(world, each) for each in (first, second, inner)]


def test_news_of_the_artifact_of_another_run_take_nothing(world: World) -> None:
    """Neither does it get the data that they name, nor does it lose its own."""
    mine, others = uploaded(world), uploaded(world)
    told = an_artifact(world, data=None, data_id=mine)
    by_hand(world, new_id(), 1, RUNNING, artifacts=[told])
    by_hand(world, new_id(), 1, RUNNING, artifacts=[{**told, "data_id": str(others)}])
    by_hand(world, new_id(), 1, RUNNING, artifacts=[an_artifact(world, data=None, data_id=mine)])

    owners = {row.id: row.artifact_id for row in world.rows(artifact_data)}
    assert {mine: UUID(told["id"]), others: None} == owners


def test_an_upload_half_done_is_nothing(world: World) -> None:
    """What was announced and has not come cannot be read, nor be named; what comes is to be what was announced."""
    announce = announced()
    announce_data(world.services, announce)
    with pytest.raises(NotFoundError, match="not all of them were uploaded"):
        fetch_data(world.services, announce.id)
    with pytest.raises(NotFoundError, match="not all of them were uploaded"):
        made(world, data_id=announce.id)
    with pytest.raises(InvalidInputError, match="which was announced"):
        store_data(world.services, announce.id, CONTENT[:-1])
    with pytest.raises(ConflictError, match="take another"):
        announce_data(world.services, announced(b"others", announce.id))
    with pytest.raises(NotFoundError):
        store_data(world.services, new_id(), CONTENT)
    run_id = world.started()
    world.report(run_id, 2, artifacts=[an_artifact(world, data=None, data_id=announce.id)])

    assert [None] == [row.artifact_id for row in world.rows(artifact_data)]
    assert [None] == [row.data for row in world.rows(artifact)]


def test_an_object_that_came_before_a_crash_is_found(world: World) -> None:
    """The server stopped between the object and its row: announced again, the data are there."""
    announce = announced()
    announce_data(world.services, announce)
    world.services.objects.put(data_key(announce.id), CONTENT)

    assert announce_data(world.services, announce).upload is None
    assert CONTENT == fetch_data(world.services, announce.id)


def test_data_without_an_artifact_go_after_a_day(world: World) -> None:
    """Those that no artifact has named, and those that were announced only; many of them too."""
    waiting = [uploaded(world) for _ in range(25)]
    announce = announced()
    announce_data(world.services, announce)
    world.pass_time(0.9 * DAY)
    let_go(world)
    assert all(is_kept(world, data_id) for data_id in waiting)
    world.pass_time(0.2 * DAY)
    stats = {each.table: each.removable for each in read_stats(world.database, world.services.retention)}
    assert 26 == stats["artifact_data"]

    let_go(world)

    assert [] == world.rows(artifact_data)
    assert not any(is_kept(world, data_id) for data_id in waiting)


def test_data_go_with_their_artifact(world: World) -> None:
    """However it goes: it is deleted, its key is, its data are replaced, its run is deleted or kept no longer."""
    deleted, of_key, replaced, new, of_run, of_old = (uploaded(world) for _ in range(6))
    first = made(world, data_id=deleted)
    made(world, key="k", data_id=of_key)
    third = made(world, data_id=replaced)
    run_id, old = new_id(), new_id()
    for each, data_id in ((run_id, of_run), (old, of_old)):
        artifacts = [an_artifact(world, data=None, data_id=data_id)]
        by_hand(world, each, 1, RUNNING, COMPLETED, artifacts=artifacts)
    world.do(delete_artifact, first)
    world.do(delete_versions, "k")
    world.do(change_artifact, third, ArtifactPatch(data_id=new))
    world.do(delete_run, run_id)
    world.pass_time(2 * DAY)
    let_go(world)
    assert [False, False, False, True, False, True] == [
        is_kept(world, each) for each in (deleted, of_key, replaced, new, of_run, of_old)
    ]

    world.do(change_artifact, third, ArtifactPatch(description="only"))
    world.pass_time(400 * DAY)
    let_go(world)
    let_go(world)

    assert (True, False) == (is_kept(world, new), is_kept(world, of_old))
    world.do(change_artifact, third, ArtifactPatch(data=1))
    assert [None] == [row.artifact_id for row in world.rows(artifact_data)]
    with pytest.raises(NotFoundError, match="there are no data"):
        world.do(change_artifact, third, ArtifactPatch(data_id=of_old))
    assert [1] == [row.data for row in world.rows(artifact)]
