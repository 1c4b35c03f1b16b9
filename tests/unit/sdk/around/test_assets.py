"""Assets: what tasks say that they make, from what, and what is refused where they are decorated."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from alisio import flow, task
from alisio.assets import Asset, AssetProperties, MaterializingTask, add_asset_metadata, materialize
from alisio.contract.news import MaterializationNews
from alisio.engine.lineage import MAX_PLAIN_RESULTS, Lineage
from alisio.exceptions import MissingContextError
from alisio.task_runners import ProcessPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer, Style

RAW, CLEAN, TABLE = "s3://lake/raw.csv", "s3://lake/clean.csv", "pg://db/table"


def made(server: MemoryServer) -> dict[str, MaterializationNews]:
    """Give what the tasks of the one run have made, by the task run's name."""
    return {
        name: MaterializationNews.model_validate(news.materializes)
        for name, news in server.only_run().tasks.items()
        if news.materializes is not None
    }


def sources(what: MaterializationNews) -> list[str]:
    """Name what something was made from."""
    return sorted(each.key for each in what.upstream)


def test_a_materialization_is_told_with_its_task_run(server: MemoryServer, style: Style) -> None:
    """With properties, metadata added up, what it was made from, and the tool that has done it."""
    clean = Asset(CLEAN, AssetProperties(name="Clean", description="# What", owners=["me"], url="https://a"))
    table = Asset(TABLE, AssetProperties(name="Table"))

    def step() -> int:
        clean.add_metadata({"rows": 3, "day": date(2026, 5, 4)})
        add_asset_metadata(CLEAN, {"rows": 4, "ok": True})
        add_asset_metadata(RAW, {"rows": 5})
        return 1

    styled = style.styled(step)
    maker = materialize(clean, RAW, by="duckdb", asset_deps=[table, "sftp://feed"], retries=1)(styled)
    assert 1 == style.run_task(maker)

    [what] = made(server).values()
    first, second = what.assets
    assert ("duckdb", CLEAN, RAW) == (what.by, first.key, second.key)
    assert {"name": "Clean", "description": "# What", "owners": ["me"], "url": "https://a"} == (
        first.properties.model_dump() if first.properties else None
    )
    assert ({"rows": 4, "day": "2026-05-04", "ok": True}, {"rows": 5}) == (first.metadata, second.metadata)
    assert [TABLE, "sftp://feed"] == sources(what)
    assert ["Table", None] == [each.properties and each.properties.name for each in what.upstream]


@pytest.mark.parametrize("value", [["a list"], {"a": 1}, "name,age\nchris,21", 12_345, 2.5, b"\x00\x01", object()])
@pytest.mark.parametrize("submitted", [False, True])
def test_what_comes_from_a_materialization_is_known(server: MemoryServer, value: Any, submitted: bool) -> None:
    """Through the arguments of tasks, also of those in between that make nothing; an asset hides what is before it."""
    copies = {list: list, dict: dict, str: lambda text: text + "\n", int: lambda n: n + 1_000, float: lambda n: n + 1.5}

    @materialize(RAW)
    def extract() -> Any:
        return value

    @task
    def between(data: Any) -> Any:
        return copies.get(type(data), lambda same: [same])(data)  # type: ignore[operator]

    @materialize(CLEAN, asset_deps=[TABLE])
    def clean(data: Any) -> Any:
        return [data]

    @materialize("s3://lake/last")
    def last(data: Any) -> None: ...

    @flow
    def etl() -> None:
        if submitted:
            last.submit(clean.submit(between.submit(extract.submit()))).wait()
        else:
            last(clean(between(extract())))

    etl()

    found = {name: sources(what) for name, what in made(server).items()}
    assert {"extract-0": [], "clean-0": [TABLE, RAW], "last-0": [CLEAN]} == found


def test_mapped_materializations(server: MemoryServer) -> None:
    """A task that takes the results of many is made from the assets of all, each named once."""

    @materialize(RAW)
    def one(number: int) -> list[int]:
        return [number]

    @materialize(CLEAN)
    def together(parts: list[list[int]]) -> None: ...

    @flow
    def etl() -> None:
        together(one.map([1, 2, 3]))

    etl()

    assert [RAW] == sources(made(server)["together-0"])


def test_what_is_not_from_an_asset_is_not_taken_for_it(server: MemoryServer) -> None:
    """Small numbers and short words are shared by the interpreter, so nothing follows from them."""

    @materialize(RAW)
    def extract() -> Any:
        return "done"

    @materialize(CLEAN)
    def clean(word: str, number: int) -> None: ...

    @flow
    def etl() -> None:
        extract()
        clean("done", 1)

    etl()

    assert [] == sources(made(server)["clean-0"])


def test_a_failure_is_told_as_well(server: MemoryServer) -> None:
    """What was to be made is in the news of the task run, whose state says that it failed."""

    @materialize(RAW)
    def extract() -> None:
        raise ValueError("no tide")

    @flow
    def etl() -> None:
        extract(return_state=True)

    etl(return_state=True)

    assert [RAW] == [each.key for each in made(server)["extract-0"].assets]
    assert "FAILED" == server.only_run().tasks["extract-0"].states[-1].type


def test_tasks_without_assets_tell_nothing(server: MemoryServer) -> None:
    """Nor does a flow of theirs keep anything."""

    @task
    def plain() -> list[int]:
        return [1]

    @flow
    def etl() -> Any:
        plain(), plain.submit().wait()
        from alisio.context import current_flow_run

        run = current_flow_run.get()
        return run is not None and run.lineage

    assert None is etl()
    assert {} == made(server)


def test_with_options_keeps_the_assets(server: MemoryServer) -> None:
    """A materializing task stays one; its assets can be changed as well."""

    @materialize(RAW, by="hand", tags=["a"])
    def extract() -> None: ...

    other = extract.with_options(name="other", asset_deps=[TABLE])
    third = extract.with_options(assets=[CLEAN], by="dbt")

    assert isinstance(other, MaterializingTask)
    assert ("other", [RAW], "hand", {"a"}) == (
        other.name, [each.key for each in other.assets], other.materialized_by, set(other.tags)
    )  # fmt: skip
    assert [TABLE] == [each.key for each in other.asset_deps]
    assert ([CLEAN], "dbt") == ([each.key for each in third.assets], third.materialized_by)


@pytest.mark.parametrize(
    ("decorate", "line"),
    [
        (lambda: materialize(), "materialize needs an asset at least"),
        (lambda: materialize("raw.csv"), "materialize: assets: 'raw.csv' must be an Asset, or a URI without blanks"),
        (lambda: materialize("s3://a b"), "must be an Asset, or a URI without blanks"),
        (lambda: materialize("s3://" + "a" * 600), "of 512 characters at most"),
        (lambda: materialize(len), "must be an Asset, or a URI"),  # type: ignore[arg-type]
        (lambda: materialize(*(f"s3://{n}" for n in range(51))), "assets may have 50 assets, not 51"),
        (
            lambda: materialize(*(Asset(f"s3://{n}", AssetProperties(description="x" * 9_999)) for n in range(21))),
            "assets may have keys and properties of 200,000 bytes as JSON",
        ),
        (lambda: materialize(RAW, by="")(print), "task 'print': by must be a text of 1 to 200 characters"),
        (lambda: task(asset_deps="s3://a")(print), "task 'print': asset_deps must be a list of keys and assets"),
        (lambda: task(asset_deps=["a"])(print), "task 'print': asset_deps: 'a' must be an Asset, or a URI"),
        (lambda: Asset("raw.csv"), "asset key 'raw.csv' must be a URI without blanks"),
        (lambda: Asset(RAW, {"name": "x"}), "properties must be AssetProperties"),  # type: ignore[arg-type]
        (lambda: AssetProperties(name="x" * 501), "asset properties: name must be a text of 500 characters at most"),
        (lambda: AssetProperties(owners="me"), "owners must be a list"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_an_asset(decorate: Callable[[], object], line: str) -> None:
    """It is refused where it is written, with the option named."""
    with pytest.raises((ValueError, TypeError)) as caught:
        decorate()

    assert line in str(caught.value)


def test_metadata_belong_to_the_task_that_makes_the_asset(server: MemoryServer) -> None:
    """Elsewhere they are refused in one line, and so are too many."""
    with pytest.raises(MissingContextError):
        add_asset_metadata(RAW, {"rows": 1})
    lines = []

    @materialize(RAW)
    def extract() -> None:
        for asset, metadata in ((CLEAN, {"rows": 1}), (RAW, {"x": "x" * 100_000}), (RAW, [1])):
            with pytest.raises(ValueError, match="asset ") as caught:
                add_asset_metadata(asset, metadata)  # type: ignore[arg-type]
            lines.append(str(caught.value))

    @task
    def plain() -> None:
        with pytest.raises(ValueError, match="does not materialize it") as caught:
            add_asset_metadata(RAW, {"rows": 1})
        lines.append(str(caught.value))

    @flow
    def etl() -> None:
        extract(), plain()

    etl()

    assert [True, True, True, True] == [
        part in line
        for part, line in zip(
            ("does not materialize it", "100,000 bytes as JSON", "must be a mapping", "see @materialize"),
            lines,
            strict=True,
        )
    ]


_far = Asset("s3://lake/far.csv")


@materialize(_far)
def _make_far(rows: int) -> int:
    _far.add_metadata({"rows": rows})
    _far.add_metadata({"again": True})
    return rows


def test_metadata_come_back_from_other_processes(server: MemoryServer) -> None:
    """What a task says of its asset in a worker is told with its task run, and its result links what is made of it."""

    @materialize(CLEAN)
    def clean(rows: int) -> None: ...

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def etl() -> None:
        clean(_make_far.submit(4_000))

    etl()

    found = made(server)
    assert [{"rows": 4_000, "again": True}] == [asset.metadata for asset in found["_make_far-0"].assets]
    assert ["s3://lake/far.csv"] == sources(found["clean-0"])


def test_results_are_noted_by_many_threads_at_once() -> None:
    """Only the latest are kept, and no thread trips over another one."""
    lineage, maker = Lineage(), uuid4()
    lineage._carried[maker] = {}
    failures: list[BaseException] = []

    def note(number: int) -> None:
        values = [1_000_000 * number + count for count in range(4_000)]
        try:
            for value in values:
                lineage.note_result(value, maker)
        except BaseException as error:
            failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=note, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert [] == failures
    assert MAX_PLAIN_RESULTS >= len(lineage._plain_results)
