"""Durations as people write them."""

from __future__ import annotations

import pytest

from alisio.deployments.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("2h", 7_200),
        ("1d", 86_400),
        ("1w", 604_800),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        ("45", 45),
    ],
)
def test_it_reads_numbers_with_units(text: str, seconds: float) -> None:
    """Units may be combined, and a bare number is seconds."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "soon", "10x", "m10", "-5m", "-5", "inf", "nan", "1h 30"])
def test_it_refuses_what_is_no_duration(text: str) -> None:
    """What cannot be read is named, with an example of what can."""
    with pytest.raises(ValueError, match="is not a duration; write it like 30s, 10m, 2h or 1d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0.5s", "30s", "10m", "1h30m", "6h", "2d", "1d1s"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    """What people read is what they may write."""
    assert text == format_duration(parse_duration(text))
