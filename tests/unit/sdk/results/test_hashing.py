"""Hashes of inputs: equal values hash alike in every process, and different ones do not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import Enum, Flag
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from alisio.results.hashing import MAX_WALKED, hash_of


@dataclass
class Point:
    x: int
    names: frozenset[str] = frozenset()


class Town(BaseModel):
    name: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str

    @cached_property
    def length(self) -> int:
        return len(self.name)


@dataclass(slots=True)
class Slotted:
    x: int


class Derived(Slotted):
    """Has a `__dict__` besides, which is empty."""


class Plain:
    def __init__(self, *values: Any) -> None:
        self.values = values


class Zone(tzinfo):
    """Its representation holds its address."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=1)


class Colour(Enum):
    RED = "red"


class Access(Flag):
    READ = 1
    WRITE = 2


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


@given(one=_VALUES, other=_VALUES)
def test_different_values_have_different_hashes(one: Any, other: Any) -> None:
    """Two values hash alike only if they are the same, types and all."""
    assert (one == other and _same(one, other)) <= (hash_of(one) == hash_of(other))
    assert (hash_of(one) == hash_of(other)) <= (one == other)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ("1", 1), ([1], (1,)), (["ab"], ["a", "b"]), ({}, [])])
def test_types_count(one: Any, other: Any) -> None:
    """What Python compares as equal, or writes alike, is still told apart."""
    assert hash_of(one) != hash_of(other)


def test_order_counts_only_where_it_is_one() -> None:
    """Dicts and sets hash alike in whatever order they were filled; lists do not."""
    assert hash_of({"a": 1, "b": {2, 3}}) == hash_of({"b": {3, 2}, "a": 1})
    assert hash_of([1, 2]) != hash_of([2, 1])


@pytest.mark.parametrize(
    "make",
    [
        Plain,
        lambda one, other: [one, other] * MAX_WALKED,
        lambda one, other: [("a", one), ("a", other)] * MAX_WALKED,
    ],
)
def test_it_does_not_count_whether_equal_parts_are_one_object(make: Callable[[str, str], Any]) -> None:
    """Results that were one text in an attempt are two equal ones when the next attempt has read them."""
    one, other = str(1_000), str(1_000)
    assert one is not other
    assert hash_of(make(one, one)) == hash_of(make(one, other))


def test_one_tuple_is_as_two_equal_ones() -> None:
    """A constant that a task returns is one object in an attempt, and many in the next, which reads it."""
    parts: list[Any] = ["ok", 1]
    assert hash_of([("ok", 1)] * (MAX_WALKED + 1)) == hash_of([tuple(parts) for _ in range(MAX_WALKED + 1)])


def test_all_that_a_value_holds_counts() -> None:
    """Extra fields of models and the slots of dataclasses tell values apart."""
    assert hash_of(Open.model_validate({"name": "a", "x": 1})) != hash_of(Open.model_validate({"name": "a", "x": 2}))
    assert hash_of(Derived(1)) != hash_of(Derived(2))
    assert 4 == len({hash_of(flag) for flag in (Access(0), Access.READ, Access.WRITE, Access.READ | Access.WRITE)})


def test_what_is_only_computed_does_not_count() -> None:
    """A cached property does not change a value: the task that asked for it may not run in the next attempt."""
    town = Open(name="Lugo")
    before = hash_of(town)
    assert (4, before) == (town.length, hash_of(town))


def test_what_lies_within_itself_has_none() -> None:
    """A list that holds itself is refused, not walked through for ever."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested"):
        hash_of(endless)


def test_what_cannot_be_pickled_has_none() -> None:
    """A lock is no value that another process could know again."""
    with pytest.raises(TypeError):
        hash_of([threading.Lock()])


_PROGRAM = """
from tests.unit.sdk.results.test_hashing import *
print(hash_of(examples()))
"""


def examples() -> list[Any]:
    """Values whose pickles, or whose order, differ between processes."""
    names = frozenset({"a", "b", "c", "d", "e"})
    many = {str(n) for n in range(MAX_WALKED + 1)}
    return [
        {"names": set(names), "point": Point(1, names)},
        Town(name="Lugo"),
        Colour.RED,
        Path("some/where"),
        hash_of,
        list(range(MAX_WALKED + 1)),
        [names] * (MAX_WALKED + 1),
        many,
        Plain(set(names)),
        lambda name: name in {"a", "b", "c", "d", "e"},
        datetime(2026, 1, 2, tzinfo=Zone()),
    ]


def test_another_process_makes_the_same_hash() -> None:
    """Sets, dataclasses, models, enums, functions and long lists hash alike under another seed of Python's hashes."""
    hashes = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert {f"{hash_of(examples())}\n"} == hashes
