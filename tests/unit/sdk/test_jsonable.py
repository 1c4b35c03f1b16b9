"""Showing any value as JSON."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import uuid
from pathlib import PurePosixPath
from typing import Any

import pytest
from pydantic import BaseModel

from alisio.engine.jsonable import MAX_TEXT, MAX_TOTAL_TEXT, MAX_VALUES, to_jsonable


class Colour(enum.Enum):
    """An enum."""

    RED = "red"


class Town(BaseModel):
    """A model."""

    name: str


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        ({1: 2}, {"1": 2}),
        (float("nan"), "nan"),
        (2**70, hex(2**70)),
        (datetime.date(2026, 2, 3), "2026-02-03"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Point(3), {"x": 3}),
        (Town(name="Oia"), {"name": "Oia"}),
        (object(), "<builtins.object>"),
        (Point, f"<{__name__}.Point>"),
        ("a\x00b\ud800", "a\N{SYMBOL FOR NULL}b?"),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    """Each kind of value is shown as people write it; of what has no such form, the type is told."""
    assert expected == to_jsonable(value)


def test_bounds() -> None:
    """Long texts, many values and deep nesting are cut, and what is left out is said."""
    deep: list[Any] = []
    deep.append(deep)
    assert MAX_TEXT == len(to_jsonable("x" * 50_000))
    assert to_jsonable(list(range(10_000)))[-1].endswith("more")
    assert MAX_VALUES + 1 >= len(to_jsonable({n: n for n in range(10_000)}))
    assert len(json.dumps(to_jsonable(["x" * 9_000] * 1_000))) < 2 * MAX_TOTAL_TEXT
    assert len(json.dumps(to_jsonable(deep))) < 1_000
