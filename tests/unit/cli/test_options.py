"""How the texts of options are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alisio.cli.errors import CommandError
from alisio.cli.options import read_ago, read_ahead, read_due, read_limit, read_pairs, read_parameters


def test_a_value_that_is_json_is_read_as_json() -> None:
    """Numbers, lists and truth values are themselves; anything else is text; only the first equals sign splits."""
    pairs = ["days=3", "on=true", "tags=[1, 2]", "city=Seattle", 'quoted="3"', "where=a=b", "nothing=", "none=null"]
    pairs.append("nan=NaN")

    assert {
        "days": 3, "on": True, "tags": [1, 2], "city": "Seattle", "quoted": "3", "where": "a=b", "nothing": "",
        "none": None, "nan": "NaN",
    } == read_pairs(pairs, "--param")  # fmt: skip


def test_single_parameters_go_over_the_object() -> None:
    """`--param` wins over `--params`."""
    assert {"a": 2, "b": 1} == read_parameters(["a=2"], '{"a": 1, "b": 1}')


@pytest.mark.parametrize(
    ("pairs", "whole", "said"),
    [
        (["city"], None, "--param 'city' must be NAME=VALUE"),
        (["=x"], None, "--param '=x' must be NAME=VALUE"),
        ([], "{", "--params is not JSON"),
        ([], '{"n": NaN}', "--params is not JSON: NaN"),
        ([], "[1]", "--params must be a JSON object"),
    ],
)
def test_parameters_that_cannot_be_read_are_refused(pairs: list[str], whole: str | None, said: str) -> None:
    """The line names the option and the text."""
    with pytest.raises(CommandError, match=said):
        read_parameters(pairs, whole)


def test_a_start_may_be_put_off() -> None:
    """`--in` counts from now."""
    due = read_due("10m", None)

    assert due is not None
    assert timedelta(0) <= datetime.now(UTC) + timedelta(minutes=10) - due < timedelta(seconds=10)


def test_a_start_may_be_at_a_time() -> None:
    """A time with an offset is that instant; one without is local; without either option the start is now."""
    assert datetime(2026, 3, 1, 8, 30, tzinfo=UTC) == read_due(None, "2026-03-01T09:30+01:00")
    assert datetime(2026, 3, 1, 9, 30).astimezone(UTC) == read_due(None, "2026-03-01T09:30")
    assert read_due(None, None) is None


@pytest.mark.parametrize(
    ("after", "at", "said"),
    [
        ("10m", "2026-03-01", "--in or --at, not both"),
        ("soon", None, "--in: 'soon' is not a duration"),
        (None, "tomorrow", "--at 'tomorrow' is not a time"),
    ],
)
def test_a_start_that_cannot_be_read_is_refused(after: str | None, at: str | None, said: str) -> None:
    """The line names the option and the text."""
    with pytest.raises(CommandError, match=said):
        read_due(after, at)


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    """Its end would lie outside of what a time can say; the line names option and text, whatever the direction."""
    for read in (read_ahead, read_ago):
        for text in ("99999999d", f"1{'0' * 400}d"):
            with pytest.raises(CommandError, match=f"--since: '{text}' is longer than 100 years"):
                read(text, "--since")


def test_a_limit_is_a_number_or_none() -> None:
    """`none` takes a limit away; 0 lets nothing run."""
    assert (4, 0, None) == (read_limit("4"), read_limit("0"), read_limit("none"))
    for text in ("-1", "many", "1.5"):
        with pytest.raises(CommandError, match="must be a number, or none"):
            read_limit(text)
