"""Serializers: what goes in comes out, and what cannot be said is told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from alisio.exceptions import ResultError
from alisio.results.options import SERIALIZERS
from alisio.results.serializers import find_serializer, name_of, open_serializer
from alisio.serializers import CompressedSerializer, JSONSerializer, PickleSerializer, Serializer


@dataclass
class Point:
    x: int
    y: int


class Town(BaseModel):
    name: str
    founded: date


class Letter(BaseModel):
    content: dict[str, Any]


class Reversed:
    """A serializer of a user's own, for texts."""

    def dumps(self, value: str) -> bytes:
        return value[::-1].encode()

    def loads(self, content: bytes) -> str:
        return content.decode()[::-1]


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(value=_PLAIN, name=st.sampled_from(SERIALIZERS))
def test_what_json_can_say_comes_back_from_each(value: Any, name: str) -> None:
    """Every serializer of ours gives back what it was given."""
    serializer = open_serializer(name)
    assert value == serializer.loads(serializer.dumps(value))


@pytest.mark.parametrize("name", SERIALIZERS)
@pytest.mark.parametrize(
    "value",
    [
        Point(1, 2),
        [Town(name="Lugo", founded=date(1900, 1, 1))],
        {"at": datetime(2026, 1, 2, tzinfo=UTC), "for": timedelta(hours=2)},
        {"cost": Decimal("0.10"), "id": UUID(int=7), "kinds": {"a", "b"}, "raw": b"bytes"},
    ],
)
def test_values_of_types_come_back_as_these(value: Any, name: str) -> None:
    """Dataclasses, models, dates, sets and the like are of the same type after any serializer, JSON too."""
    serializer = open_serializer(name)
    assert value == serializer.loads(serializer.dumps(value))


def test_a_function_of_a_script_can_be_pickled() -> None:
    """A function that no module holds goes through cloudpickle."""
    serializer = open_serializer("pickle")
    assert 5 == serializer.loads(serializer.dumps(lambda n: n + 2))(3)


@pytest.mark.parametrize("name", SERIALIZERS)
def test_what_cannot_be_said_is_refused(name: str) -> None:
    """No serializer makes something else of a value that it cannot say."""
    with pytest.raises(TypeError, match="lock"):
        open_serializer(name).dumps(threading.Lock())


@pytest.mark.parametrize("name", ["json", "compressed/json"])
def test_data_cannot_name_what_reading_it_calls(name: str, tmp_path: Path) -> None:
    """A dict that would be read as a value of a type is refused, in models too; one that is only like it is not."""
    serializer = open_serializer(name)
    forged = {"__type__": "shutil:rmtree", "value": [str(tmp_path)]}
    for value in (forged, [Town(name="Lugo", founded=date(1900, 1, 1)), forged], Letter(content=forged)):
        with pytest.raises(TypeError, match="'__type__' and 'value' cannot be written"):
            serializer.dumps(value)
    like = {"__type__": "City", "name": "Lugo", "value": 1, "said": '"__type__":'}
    assert [like, Point(1, 2)] == serializer.loads(serializer.dumps([like, Point(1, 2)]))


def test_json_that_names_a_function_is_refused(tmp_path: Path) -> None:
    """What is read as JSON is a value of a class; functions are not called, whoever wrote it."""
    with pytest.raises(TypeError, match="'shutil:rmtree' is no class"):
        open_serializer("json").loads(json.dumps({"__type__": "shutil:rmtree", "value": [str(tmp_path)]}).encode())
    assert tmp_path.exists()


def test_compression_makes_it_shorter() -> None:
    """A compressed serializer's bytes are fewer, where there is something to gain."""
    value = ["the same text"] * 1_000
    assert len(open_serializer("compressed/json").dumps(value)) < len(open_serializer("json").dumps(value)) / 10


def test_a_serializer_is_found_by_its_name() -> None:
    """The name that is stored with a result leads to its serializer, ours and a user's own."""
    assert "abc" == find_serializer(name_of(Reversed())).loads(b"cba")
    assert ["pickle", "compressed/json"] == [name_of(name) for name in ("pickle", "compressed/json")]


@pytest.mark.parametrize("name", ["tests.unit.sdk.results.test_serializers:Gone", "no_such_module:X", "nothing"])
def test_a_serializer_that_is_not_here_is_told(name: str) -> None:
    """Whoever reads a result without its serializer is told which one is missing."""
    with pytest.raises(ResultError, match=f"the serializer '{name}' cannot be made here"):
        find_serializer(name)


@pytest.mark.parametrize("library", ["zlib", "gzip", "bz2", "lzma"])
def test_compression_libraries(library: str) -> None:
    """What any library compressed is read by whoever finds the serializer by its name; another one is refused."""
    serializer = CompressedSerializer("json", compressionlib=library)
    found = find_serializer(name_of(serializer))
    assert {"a": [1]} == found.loads(serializer.dumps({"a": [1]})) == serializer.loads(found.dumps({"a": [1]}))
    with pytest.raises(ValueError, match="compressionlib must be one of gzip, bz2, lzma, zlib, not 'zip'"):
        CompressedSerializer("json", compressionlib="zip")


@pytest.mark.parametrize("serializer", [JSONSerializer(jsonlib="orjson"), PickleSerializer(picklelib="dill")])
def test_libraries_that_files_for_prefect_name(serializer: Serializer) -> None:
    """A serializer for which a library is named writes what the same one reads without."""
    found = find_serializer(name_of(serializer))
    assert {"a": [date(2026, 1, 2)]} == found.loads(serializer.dumps({"a": [date(2026, 1, 2)]}))
