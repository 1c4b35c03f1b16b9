"""Drawing flows: what their code would run, without running it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, task, unmapped
from alisio.exceptions import VisualizationError
from tests.unit.sdk.conftest import MemoryServer, Style


def never(*_: Any, **__: Any) -> Any:
    """Fail: no task is run."""
    raise AssertionError("must not run")


extract = task(name="extract")(never)
clean = task(name="clean")(never)
load = task(name="load")(never)


def test_calls_and_what_they_are_given(server: MemoryServer, style: Style) -> None:
    """Called, submitted and mapped tasks and subflows are nodes; results, futures and `wait_for` are edges."""
    inner = style.flow(name="inner")(never)
    step = style.task(name="step")(never)

    @style.flow()
    def main(n: int = 3) -> Any:
        rows = extract(n)
        futures = clean.map(rows, unmapped(5))
        load.submit([futures[0], {"more": rows}], wait_for=[futures]).result()
        load(futures.result())
        return inner(step(rows)) if not style.is_async else _await_both(inner, step, rows)

    async def _await_both(inner: Any, step: Any, rows: Any) -> Any:
        return await inner(await step(rows))

    expected = """flowchart TD
    n0_extract_0["extract-0"]
    n1_clean_0["clean-0"]
    n2_load_0["load-0"]
    n3_load_1["load-1"]
    n4_step_0["step-0"]
    n5_inner_0[["inner-0"]]
    n0_extract_0 --> n1_clean_0
    n1_clean_0 --> n2_load_0
    n0_extract_0 --> n2_load_0
    n1_clean_0 --> n3_load_1
    n0_extract_0 --> n4_step_0
    n4_step_0 --> n5_inner_0
"""
    assert expected == main.to_mermaid()
    assert {} == server.runs


def test_viz_return_value(server: MemoryServer) -> None:
    """A task with a `viz_return_value` gives that, so that the flow's code can go on, and is still known by it."""
    listed = task(name="listed", viz_return_value=[4])(never)

    @flow
    def main() -> None:
        rows = listed()
        for _ in range(len(rows)):
            load(rows)

    assert "n0_listed_0 --> n1_load_0" in main.to_mermaid()


def test_results_that_are_used(server: MemoryServer) -> None:
    """Code that uses a task's result is told in one line what to do."""

    @flow
    def main() -> Any:
        return extract() + 1

    with pytest.raises(VisualizationError, match=r"flow 'main' cannot be drawn: TypeError: .*viz_return_value") as told:
        main.to_mermaid()
    assert "\n" not in str(told.value)


def test_printing(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """`visualize` prints Mermaid where that is wanted, and refuses formats that there are not."""

    @flow
    def main() -> None:
        extract()

    main.visualize(graph_output_format="mermaid")
    assert 'flowchart TD\n    n0_extract_0["extract-0"]\n' == capsys.readouterr().out
    with pytest.raises(ValueError, match="must be 'graphviz' or 'mermaid', not 'svg'"):
        main.visualize(graph_output_format="svg")


def test_graphviz(server: MemoryServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default Graphviz draws a picture, which is opened; where it is not there, one line says what to do."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("PATH", str(tmp_path))

    @flow
    def main() -> None:
        load(extract())

    with pytest.raises(VisualizationError, match="Graphviz, whose program `dot` is not on the path"):
        main.visualize()

    dot = tmp_path / "dot"
    dot.write_text('#!/bin/sh\nexec /bin/cat > "$3"\n')
    dot.chmod(dot.stat().st_mode | stat.S_IEXEC)
    main.visualize()

    [address] = opened
    drawn = Path(address.removeprefix("file://")).read_text()
    assert "n0_extract_0 -> n1_load_0;" in drawn
    assert 'n1_load_0 [label="load-0"];' in drawn
