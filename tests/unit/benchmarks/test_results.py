"""What is shown of a result: the README's table, the plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import plots, results
from benchmarks.plots import draw
from benchmarks.results import Result, figures_of, newest
from benchmarks.table import BEGIN, END, markdown, with_table

README = Path(__file__).resolve().parents[3] / "README.md"
SVG = "{http://www.w3.org/2000/svg}"


def _figure(label: str, unit: str, samples: list[float], **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"row": "tasks", "budget": None, "higher_is_better": False, "peers": {}}
    return plain | {"figure": label, "unit": unit, "samples": samples} | more


@pytest.fixture
def result() -> Result:
    """A result with a kept budget, a missed one, and a figure that has none."""
    return Result(
        taken="2026-05-04T03:02:01+00:00",
        commit="0" * 40,
        python="3.11.7",
        system="Linux 6.1",
        processor="Abacus 9",
        cores=2,
        memory_gb=8.0,
        seconds={"tasks": 3.0},
        versions={"alisio": {"alisio": "0.1.0"}, "prefect": {"prefect": "3.9.1"}, "dbos": {"dbos": "3.4.0"}},
        figures=[
            _figure("tasks: each, until stored", "ms", [0.1, 0.2, 0.3], budget=0.3, peers={"prefect": [4.0]}),
            _figure("drain", "1/s", [10.0], budget=20.0, higher_is_better=True, peers={"prefect": [0.4]}),
            _figure("only measured", "s", [1.0]),
        ],
    )


def test_the_readme_shows_the_newest_result() -> None:
    """The figures of the README are those of the newest result that is kept; `make bench-plots` writes them."""
    page = README.read_text()
    assert with_table(page, newest()) == page


def test_the_table_says_where_when_and_what_was_missed(result: Result) -> None:
    """Machine, day and versions stand above; a missed budget is marked; a figure without a budget is left out."""
    assert [
        "Medians of one run on 2026-05-04: Abacus 9 with 2 cores and 8 GB, Python 3.11.7, Prefect 3.9.1.",
        "",
        "| figure | Alisio | budget | Prefect | times better | DBOS |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| tasks: each, until stored, ms | 0.2 | ≤ 0.3 | 4 | 20 |  |",
        "| drain, 1/s | 10 | ≥ 20 (missed) | 0.4 | 25 |  |",
    ] == markdown(result).splitlines()


def test_a_page_without_a_place_for_the_table_is_refused(result: Result) -> None:
    """Nothing is written where the marks are missing: the error names them."""
    with pytest.raises(ValueError, match="no place for the table"):
        with_table("# A page\n", result)


def test_the_table_is_replaced_and_nothing_else(result: Result) -> None:
    """What stands before and after the marks stays."""
    page = f"before\n{BEGIN}old\n{END}\nafter\n"
    assert f"before\n{BEGIN}{markdown(result)}{END}\nafter\n" == with_table(page, result)


def test_what_is_saved_is_read_again(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample, ours and others', comes back; a run of some rows is not taken for a result."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "PRODUCTS", ())
    measured = {"tasks": figures_of(result)}
    results.save(measured, {"tasks": 3.0}, complete=False)
    with pytest.raises(FileNotFoundError):
        newest()
    results.save(measured, {"tasks": 3.0}, complete=True)
    assert measured["tasks"] == figures_of(newest())


def test_a_plot_has_a_bar_for_each_product(result: Result) -> None:
    """The chart is well-formed, its longest bar is the largest value, and each bar tells its number."""
    svg = ElementTree.fromstring(draw(plots.ALL[0], result))
    bars = [float(bar.attrib["width"]) for bar in svg.iter(f"{SVG}rect") if float(bar.attrib["y"]) > 50]
    texts = [text.text for text in svg.iter(f"{SVG}text")]
    assert [0.05] == [round(bars[0] / bars[1], 3)]
    assert {"tasks", "Alisio", "Prefect", "0.2 ms", "4 ms"} <= set(texts)


def test_a_plot_without_figures_is_refused(result: Result) -> None:
    """A label that was changed does not leave an old plot standing: the plot is named."""
    with pytest.raises(ValueError, match="time-to-running"):
        draw(plots.ALL[1], result)
