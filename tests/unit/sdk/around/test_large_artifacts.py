"""Artifacts whose data are too large to travel with them: made, read and listed as all others are."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, get_client
from alisio.artifacts import (
    Artifact,
    acreate_image_artifact,
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_table_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from alisio.client import Client
from alisio.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from alisio.contract.artifact_data import MAX_ARTIFACT_DATA_BYTES
from alisio.contract.artifacts import ArtifactFilter, ArtifactQuery
from alisio.engine.reporter import current_reporter
from alisio.exceptions import InvalidInputError, NotFoundError

TEXT = "# ñ\n" + "x" * 600_000
ROWS = [{"town": f"town {number}", "rain": number} for number in range(30_000)]
KINDS: list[tuple[Any, Any, Any, Any]] = [
    (create_markdown_artifact, acreate_markdown_artifact, TEXT, TEXT),
    (create_table_artifact, acreate_table_artifact, ROWS, ROWS),
    (create_link_artifact, acreate_link_artifact, TEXT, f"[{TEXT}]({TEXT})"),
    (create_image_artifact, acreate_image_artifact, "data:image/png;base64," + TEXT[4:], None),
]


@pytest.mark.parametrize(("create", "acreate", "given", "data"), KINDS)
def test_each_kind(client: Client, create: Any, acreate: Any, given: Any, data: Any) -> None:
    """In a run and outside of one, in code that blocks and in code that awaits: the same is read, by key and by id."""

    @flow
    def running() -> Any:
        create(given, key="in-a-run")
        return Artifact.get("in-a-run").data

    async def awaiting() -> Any:
        await acreate(given, key="awaited")
        record = await Artifact.aget("awaited")
        assert record is not None
        return record.data

    expected = given if data is None else data
    assert expected == running()
    assert expected == asyncio.run(awaiting())
    create(given, key="outside")
    assert current_reporter().flush(10)
    with get_client(sync_client=True) as public:
        for key in ("in-a-run", "awaited", "outside"):
            stored = public.read_latest_artifact(key)
            assert expected == stored.data
            assert expected == public.read_artifact(stored.id).data


def test_lists_do_not_carry_them(client: Client, tmp_path: Path) -> None:
    """A page has their names only; who wants a list with data gets each, and each object lies in the home once."""
    for number in range(3):
        create_markdown_artifact(f"{number}{TEXT}", key="report")
    create_markdown_artifact("short", key="report")

    page = client.filter_artifacts(ArtifactQuery(filter=ArtifactFilter(keys=["report"]), with_data=True))
    assert len(page.model_dump_json()) < 5_000
    assert ["short", None, None, None] == [each.data for each in page.items]
    expected = ["short", *(f"{number}{TEXT}" for number in (2, 1, 0))]
    with get_client(sync_client=True) as public:
        assert expected == [each.data for each in public.read_artifacts(with_data=True)]
        assert [None] * 4 == [each.data for each in public.read_artifacts()]

    async def awaiting() -> list[Any]:
        async with get_client() as public:
            return [each.data for each in await public.read_artifacts(with_data=True)]

    assert expected == asyncio.run(awaiting())
    assert 3 == len(list((tmp_path / "home" / "objects" / "artifact-data").iterdir()))


def test_what_is_larger_yet_is_one_line(client: Client, tmp_path: Path) -> None:
    """In a run and outside of one; nothing of it is stored, as is nothing of what has a wrong key."""
    line = (
        r"^artifact 'k': data: may have 20,000,000 bytes as JSON, not 20,000,002: store what is larger, and say where$"
    )

    @flow
    def running() -> None:
        with pytest.raises(ValueError, match=line):
            create_markdown_artifact("x" * MAX_ARTIFACT_DATA_BYTES, key="k")
        with pytest.raises(ValueError, match="an artifact's key has small letters"):
            create_markdown_artifact(TEXT, key="A Key")

    running()
    with pytest.raises(ValueError, match=line):
        create_markdown_artifact("x" * MAX_ARTIFACT_DATA_BYTES, key="k")
    assert current_reporter().flush(10)
    assert [] == client.filter_artifacts(ArtifactQuery()).items
    assert not (tmp_path / "home" / "objects").exists()


def test_the_page(client: Client) -> None:
    """The examples of docs/artifacts.md run as they stand, and what they assert holds."""
    page = Path(__file__).parents[4] / "docs" / "artifacts.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    for block in blocks:
        exec(compile(block, str(page), "exec", dont_inherit=True), {"__name__": "__main__"})
    assert 2 == len(blocks)
    assert current_reporter().flush(10)
    assert client.read_latest_artifact("rain").data_id is not None


def test_the_largest(client: Client) -> None:
    """20 MB of JSON, to the byte."""
    text = "x" * (MAX_ARTIFACT_DATA_BYTES - 2)
    artifact_id = create_markdown_artifact(text)
    assert text == client.whole_artifact(client.read_artifact(artifact_id)).data


def test_what_is_updated_in_place_has_the_new_data(client: Client) -> None:
    """Small ones take the place of large ones, within the run and in the database."""

    @flow
    def running() -> None:
        artifact_id = create_markdown_artifact(TEXT, key="k")
        update_progress_artifact(artifact_id, 50)
        assert 50.0 == Artifact.get("k").data

    running()
    assert current_reporter().flush(10)
    stored = client.read_latest_artifact("k")
    assert (50.0, None) == (stored.data, stored.data_id)


def test_the_client_uploads_on_its_own(client: Client) -> None:
    """For artifacts that are made or updated by calls: uploaded first, and named then."""
    with get_client(sync_client=True) as public:
        data_id = public.upload_artifact_data(ROWS)
        assert ROWS == public.read_artifact_data(data_id)
        made = public.create_artifact(ArtifactCreate(type="table", key="k", data_id=data_id))
        assert ROWS == public.read_artifact(made.id).data
        public.update_artifact(made.id, ArtifactUpdate(data_id=public.upload_artifact_data(TEXT)))
        assert TEXT == public.read_artifact(made.id).data
        with pytest.raises(NotFoundError, match="there are no data"):
            public.create_artifact(ArtifactCreate(type="table", data_id=made.id))
        with pytest.raises(ValueError, match=r"^data: may have 20,000,000 bytes"):
            public.upload_artifact_data("x" * MAX_ARTIFACT_DATA_BYTES)
        with pytest.raises(ValueError, match="data: must be something that JSON can say"):
            public.upload_artifact_data({1, 2})


def test_what_does_not_arrive_whole_is_refused(client: Client) -> None:
    """A content that is not what was announced is no artifact's; the line says so."""
    from alisio.client.calls import around
    from alisio.contract.artifact_data import ArtifactDataAnnounce
    from alisio.contract.ids import new_id

    announce = ArtifactDataAnnounce(id=new_id(), sha256="0" * 64, size=4)
    answer = client._send(around.announce_artifact_data(announce))
    assert answer.upload is not None
    with pytest.raises(InvalidInputError, match="which was announced: send it again"):
        client._send(around.send_artifact_data(answer.upload, json.dumps(None).encode()))
    with pytest.raises(NotFoundError, match="not all of them were uploaded"):
        client.download_artifact_data(announce.id)
