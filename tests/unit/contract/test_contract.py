"""What the wire's own types hold: ids that sort, times within what can be reckoned with, names that can be shown."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from alisio.contract import ids
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


def test_ids_made_on_many_threads_differ() -> None:
    """No two threads are given the same random bits, whatever else they have in common."""
    with ThreadPoolExecutor(8) as pool:
        made = [one for many in pool.map(lambda _: _random_parts(2_000), range(8)) for one in many]
    assert 16_000 == len(set(made))


def test_a_fork_makes_other_ids_than_its_parent() -> None:
    """What was drawn before the fork is the parent's alone."""
    new_id()
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        theirs = pool.apply(_random_parts, (50,))
    assert set() == set(theirs) & set(_random_parts(50))


def test_copies_of_a_process_that_was_frozen_make_different_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies of one memory, each thawed a while after it was frozen, draw random bits of their own."""
    new_id()
    frozen = ids._spare
    later = time.time_ns() + 60_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    copies = []
    for _ in range(2):
        monkeypatch.setattr(ids, "_spare", ids._Spare(list(frozen.numbers), frozen.drawn))
        copies.append(set(_random_parts(50)))
    assert set() == copies[0] & copies[1]


def _random_parts(count: int) -> list[int]:
    made: list[UUID] = [new_id() for _ in range(count)]
    return [one.int & (1 << 62) - 1 for one in made]


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
