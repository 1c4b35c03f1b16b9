"""Showing things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alisio.cli.options import Output
from alisio.cli.rendering import elapsed, local_time, show_facts, show_table

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (59.9, "59.9s"), (61, "1m01s"), (3_600, "1h00m00s"), (90_061, "25h01m01s")]
)
def test_times_that_things_took_are_short(seconds: float, text: str) -> None:
    """Seconds, then minutes, then hours."""
    assert text == elapsed(BEGAN, BEGAN + timedelta(seconds=seconds))


def test_what_has_not_begun_took_no_time() -> None:
    """A dash stands for what there is not."""
    assert ("-", "-") == (elapsed(None, None), local_time(None))


def test_a_table_that_no_terminal_shows_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A long name stays in one line for programs that read it."""
    long = "x" * 300

    show_table(("id", "text"), [("1", long), ("2", None)])

    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["id", "text"]
    assert first.split() == ["1", long]
    assert second.split() == ["2", "-"]


def test_brackets_in_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that looks like markup is no markup."""
    show_table(("name",), [("[red]x[/red]",)])

    assert "[red]x[/red]" in capsys.readouterr().out


def test_facts_are_lines_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For people one name and value a line, and one line for each part of a collection; else an object."""
    show_facts({"name": "a", "tags": ["x", "y"], "none": None, "on": True, "map": {"k": "v", "n": [1]}}, Output.TABLE)
    assert [
        "name  a", "tags  x", "      y", "none  -", "on    yes", 'map   k: "v"', "      n: [1]",
    ] == capsys.readouterr().out.splitlines()  # fmt: skip

    show_facts({"name": "a"}, Output.JSON)
    assert '{\n  "name": "a"\n}\n' == capsys.readouterr().out
