"""Artifacts: what travels in the reports of runs, what goes to the server at once, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from alisio import flow, task
from alisio.artifacts import (
    Artifact,
    MarkdownArtifact,
    acreate_image_artifact,
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    storing,
    update_progress_artifact,
)
from alisio.client import Client
from alisio.contract.artifacts import ArtifactFilter, ArtifactQuery
from alisio.exceptions import NotFoundError
from tests.unit.sdk.conftest import MemoryServer, Style

KINDS: list[tuple[Callable[..., Any], Callable[..., Any], dict[str, Any], str, Any]] = [
    (create_markdown_artifact, acreate_markdown_artifact, {"markdown": "# ñ"}, "markdown", "# ñ"),
    (create_link_artifact, acreate_link_artifact, {"link": "https://a"}, "link", "[https://a](https://a)"),
    (create_link_artifact, acreate_link_artifact, {"link": "https://a", "link_text": "A"}, "link", "[A](https://a)"),
    (create_image_artifact, acreate_image_artifact, {"image_url": "https://a/b.png"}, "image", "https://a/b.png"),
    (create_progress_artifact, acreate_progress_artifact, {"progress": 50}, "progress", 50.0),
    (create_table_artifact, acreate_table_artifact, {"table": [{"a": 1}]}, "table", [{"a": 1}]),
]


@pytest.mark.parametrize(("create", "acreate", "given", "type_", "data"), KINDS)
def test_each_kind_in_a_run(
    server: MemoryServer,
    style: Style,
    create: Callable[..., Any],
    acreate: Callable[..., Any],
    given: dict[str, Any],
    type_: str,
    data: Any,
) -> None:
    """It is told in the run's reports under the id that the call has returned, with what it shows."""
    ids: list[UUID] = []

    if style.is_async:

        @task
        async def step() -> None:
            ids.append(await create(**given, key="shown", description="why"))
            ids.append(await acreate(**given))
    else:

        @task
        def step() -> None:
            ids.append(create(**given, key="shown", description="why"))
            ids.append(create(**given))

    style.run_task(step)

    run = server.only_run()
    assert ids == list(run.artifacts)
    first, second = run.artifacts.values()
    assert (type_, data, "shown", "why") == (first.type, first.data, first.key, first.description)
    assert (type_, data, None, None) == (second.type, second.data, second.key, second.description)
    assert (None, run.tasks["step-0"].id) == (first.flow_run_id, first.task_run_id)


def test_artifacts_are_told_before_the_end(server: MemoryServer) -> None:
    """A report that ends the run comes when all its artifacts are stored, however many and large they are."""

    @flow
    def many() -> None:
        for number in range(30):
            create_markdown_artifact(f"{number}" + "x" * 100_000)

    many()

    run = server.only_run()
    assert 30 == len(run.artifacts)
    ended = [place for place, report in enumerate(run.reports) if any(s.name == "Completed" for s in report.states)]
    assert [len(run.reports) - 1] == ended
    assert 1 < len([report for report in run.reports if report.artifacts])


def test_progress_is_told_in_place(server: MemoryServer) -> None:
    """Of quick updates the last one is told, under the same id; a description stays until another is given."""

    @flow
    def busy() -> None:
        artifact_id = create_progress_artifact(0, description="begun")
        for step in range(1, 100):
            assert artifact_id == update_progress_artifact(artifact_id, step)
        update_progress_artifact(artifact_id, 100, "done")

    busy()

    run = server.only_run()
    [artifact] = run.artifacts.values()
    assert (100.0, "done") == (artifact.data, artifact.description)
    assert sum(len(report.artifacts) for report in run.reports) < 20


def test_an_artifact_of_a_subflow_names_it(server: MemoryServer) -> None:
    """It is the subflow's, and reported with the root."""

    @flow
    def inner() -> None:
        create_markdown_artifact("inner")

    @flow
    def outer() -> None:
        inner()

    outer()

    run = server.only_run()
    assert [(next(iter(run.subflows)), None)] == [
        (news.flow_run_id, news.task_run_id) for news in run.artifacts.values()
    ]


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        ([[1, "a"], (2, None)], [[1, "a"], [2, None]]),
        ({"a": (1, 2), "b": ["x", "y"]}, {"a": [1, 2], "b": ["x", "y"]}),
        ([{"day": date(2026, 5, 4), 1: float("nan")}, [Decimal("1.50")]], [{"day": "2026-05-04", "1": None}, ["1.50"]]),
        ([], []),
    ],
)  # fmt: skip
def test_tables(server: MemoryServer, table: Any, shown: Any) -> None:
    """Rows or columns; a cell that JSON has no word for becomes what people would write for it."""

    @flow
    def tabled() -> None:
        create_table_artifact(table)

    tabled()

    assert [shown] == [news.data for news in server.only_run().artifacts.values()]


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: create_markdown_artifact("x", key="A Key"), "artifact 'A Key': key: an artifact's key has small"),
        (lambda: create_markdown_artifact("x" * 20_000_000), "data: may have 20,000,000 bytes as JSON, not 20,000,002"),
        (lambda: create_markdown_artifact(12), "markdown must be a text, not int"),  # type: ignore[arg-type]
        (lambda: create_table_artifact("a,b"), "table must be a list of mappings, a list of lists, or a mapping"),
        (lambda: create_table_artifact([1, 2]), "table must be a list of mappings, a list of lists, or a mapping"),
        (lambda: create_progress_artifact(101), "progress must be a number from 0 to 100, not 101"),
        (lambda: create_progress_artifact(True), "progress must be a number from 0 to 100, not True"),
        (lambda: Artifact(type="odd", data=object()).create(), "data: must be something that JSON can say"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown(server: MemoryServer, make: Callable[[], object], line: str) -> None:
    """The code that asks for it gets one line, and nothing of it is told."""

    @flow
    def wrong() -> None:
        with pytest.raises(ValueError) as caught:
            make()
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)

    wrong()

    assert {} == server.only_run().artifacts


def test_outside_of_runs_it_goes_to_the_server_at_once(client: Client) -> None:
    """It is of no run; progress is changed there."""
    artifact_id = create_progress_artifact(1, key="by-hand")
    update_progress_artifact(artifact_id, 2, "two")

    stored = client.read_artifact(artifact_id)
    assert (2.0, "two", "by-hand", None) == (stored.data, stored.description, stored.key, stored.flow_run_id)
    with pytest.raises(NotFoundError):
        update_progress_artifact(UUID(int=1), 3)


def test_async_code_outside_of_runs(client: Client) -> None:
    """The functions that begin with `a` do the same without holding up the loop."""

    async def use() -> UUID:
        artifact_id = await acreate_progress_artifact(1)
        return await aupdate_progress_artifact(artifact_id, 2)

    assert 2.0 == client.read_artifact(asyncio.run(use())).data


def test_a_run_sees_what_it_has_just_made(client: Client) -> None:
    """Though that is still on its way; and what others have made of the key, where that is all there is."""
    create_markdown_artifact("old", key="report")

    @flow
    def reading() -> list[Any]:
        before = Artifact.get("report").data
        create_markdown_artifact("new", key="report")
        found, made = MarkdownArtifact.get_or_create("report", markdown="newer")
        other, other_made = MarkdownArtifact.get_or_create("other", markdown="first")
        return [before, Artifact.get("report").data, found.data, made, other.data, other_made, Artifact.get("none")]

    assert ["old", "new", "new", False, "first", True, None] == reading()


def test_all_versions_are_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's artifacts are in the database when it has ended, though its process remembers only some of them."""
    monkeypatch.setattr(storing, "MAX_KNOWN", 2)

    @flow
    def versions() -> None:
        for number in range(5):
            create_markdown_artifact(f"# {number}", key="report")

    versions()
    from alisio.engine.reporter import current_reporter

    assert current_reporter().flush(10)
    query = ArtifactQuery(filter=ArtifactFilter(keys=["report"]), with_data=True)
    assert [f"# {number}" for number in (4, 3, 2, 1, 0)] == [each.data for each in client.filter_artifacts(query).items]
