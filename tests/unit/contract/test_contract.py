"""What the wire's own types hold: ids that sort, times within what can be reckoned with, names that can be shown."""

from __future__ import annotations

import time

import pytest
from pydantic import TypeAdapter, ValidationError

from alisio.contract.base import Name, Timestamp
from alisio.contract.ids import new_id


def test_ids_sort_by_the_time_they_were_made() -> None:
    """Ids made a few microseconds apart, many within one millisecond, are in the order of their making."""
    made = []
    for _ in range(200):
        made.append(new_id())
        until = time.perf_counter_ns() + 2_000
        while time.perf_counter_ns() < until:
            pass

    assert sorted(made) == made
    assert {(7, "specified in RFC 4122")} == {(one.version, one.variant) for one in made}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-10:00", "2026-01-01T00:00:00"])
def test_times_that_cannot_be_reckoned_with_are_refused(moment: str) -> None:
    """A time at the edge of the calendar, and one without an offset, fail where they are given."""
    with pytest.raises(ValidationError):
        TypeAdapter(Timestamp).validate_python(moment)


@pytest.mark.parametrize("name", ["", "a/b", "a\x00b", "a\ufffdb", "a\nb", "<b>"])
def test_names_that_cannot_be_shown_are_refused(name: str) -> None:
    """Names have no slash, no control character, and no sign of one that was lost."""
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)
