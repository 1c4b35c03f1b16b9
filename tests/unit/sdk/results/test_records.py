"""Stored results: whole ones are read, anything else is refused; and the folder that holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alisio.exceptions import MissingResultError, ResultError
from alisio.results.records import pack, unpack
from alisio.results.reference import StoredResult, location_in
from alisio.results.storage import FolderStorage

_CONTENT = pack({"towns": ["Lugo", "Vigo"]}, "pickle", "an identity")


def test_a_record_says_what_it_is() -> None:
    """The first line names the serializer, the identity and the versions; the value follows."""
    header = json.loads(_CONTENT.partition(b"\n")[0])
    assert {"serializer", "sha256", "identity", "python", "alisio"} == header.keys()
    record = unpack(_CONTENT)
    assert ("pickle", "an identity", {"towns": ["Lugo", "Vigo"]}) == (
        record.serializer,
        record.identity,
        record.value(),
    )


@given(end=st.integers(0, len(_CONTENT) - 1))
def test_a_part_of_a_record_is_refused(end: int) -> None:
    """However much of a record there is, it is not read before all of it is."""
    with pytest.raises(ResultError):
        unpack(_CONTENT[:end])


@given(place=st.integers(_CONTENT.index(b"\n") + 1, len(_CONTENT) - 1), bit=st.integers(0, 7))
def test_a_changed_value_is_refused(place: int, bit: int) -> None:
    """One bit that fell over in the value is noticed before anything is unpickled."""
    changed = bytearray(_CONTENT)
    changed[place] ^= 1 << bit
    with pytest.raises(ResultError, match="damaged"):
        unpack(bytes(changed))


@pytest.mark.parametrize("content", [b"", b"[]\n", b"{}\n", b"\xff\n", b"no JSON\nbody"])
def test_another_file_is_no_record(content: bytes) -> None:
    """What is no stored result is refused as such."""
    with pytest.raises(ResultError, match="no stored result"):
        unpack(content)


def test_what_cannot_be_unpickled_tells_who_wrote_it() -> None:
    """A value that this Python cannot make again is told with the versions that wrote it."""
    broken = pack(None, "pickle", None).partition(b"\n")[2].replace(b"N", b"?")
    content = pack(broken, "pickle", None)
    record = unpack(content)._replace(body=broken)
    with pytest.raises(ResultError, match=r"written by Python 3\.\d+\.\d+ with alisio .* cannot be read here"):
        record.value()


def test_a_folder_keeps_what_is_written(tmp_path: Path) -> None:
    """A key is a file in the folder, which is made for its owner alone; the latest write holds."""
    storage = FolderStorage(tmp_path / "results")
    assert not storage.exists("a/b")
    storage.write("a/b", b"one")
    storage.write("a/b", b"two")
    assert (True, b"two") == (storage.exists("a/b"), storage.read("a/b"))
    assert ["b"] == [path.name for path in (tmp_path / "results" / "a").iterdir()]
    assert 0o700 == (tmp_path / "results").stat().st_mode & 0o777


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/etc/passwd", "", "."])
def test_a_key_stays_within_the_folder(tmp_path: Path, key: str) -> None:
    """A parameter in a key's template cannot lead a write elsewhere."""
    with pytest.raises(ResultError, match="names no file within"):
        FolderStorage(tmp_path).write(key, b"")


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a disk is full in the midst of a write, the earlier content stays, and no draft."""
    storage = FolderStorage(tmp_path)
    storage.write("key", b"before")

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        storage.write("key", b"after")
    assert ([tmp_path / "key"], b"before") == (list(tmp_path.iterdir()), storage.read("key"))


def test_a_location_leads_to_the_result(tmp_path: Path) -> None:
    """The address of a file is enough to read a result in any process, whatever the folder is called."""
    storage = FolderStorage(tmp_path / "años #1 100%")
    storage.write("key", pack([1, 2], "json", None))
    location = location_in(storage, "key")
    assert location.startswith("file:///")
    assert [1, 2] == StoredResult(location).read()


class Shelf:
    """A store of a user's own."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content

    def exists(self, key: str) -> bool:
        return key in self.content

    def read(self, key: str) -> bytes:
        return self.content[key]

    def write(self, key: str, content: bytes) -> None:
        self.content[key] = content


def test_a_store_of_ones_own_is_read_where_it_is_at_hand() -> None:
    """In its flow's process its results are read; elsewhere the location says which store it is."""
    shelf: Any = Shelf({"key": pack("value", "pickle", None)})
    location = location_in(shelf, "key")
    assert location.endswith(".Shelf:key")
    assert "value" == StoredResult(location, shelf, "key").read()
    with pytest.raises(ResultError, match=r"Shelf:key: it lies in a store of the flow's own"):
        StoredResult(location).read()


def test_a_result_that_is_gone_is_told(tmp_path: Path) -> None:
    """A removed file and a result that was never stored are errors of their own, with what to do."""
    with pytest.raises(MissingResultError, match="No such file"):
        StoredResult((tmp_path / "gone").as_uri()).read()
    with pytest.raises(MissingResultError, match="persist_result=True"):
        StoredResult(None).read()
