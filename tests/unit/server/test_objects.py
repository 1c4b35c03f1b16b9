from __future__ import annotations

import os
from pathlib import Path

import pytest

from alisio_server.adapters.laptop.objects import FileObjectStore


def test_content_comes_back(tmp_path: Path) -> None:
    """What is put can be got, put again, and deleted; deleting twice is no error."""
    store = FileObjectStore(tmp_path / "objects")
    store.put("bundles/ab", b"one")
    store.put("bundles/ab", b"two")

    assert b"two" == store.get("bundles/ab")
    assert 3 == store.size_of("bundles/ab")

    store.delete("bundles/ab")
    store.delete("bundles/ab")

    assert store.size_of("bundles/ab") is None


def test_missing_content_is_a_key_error(tmp_path: Path) -> None:
    """What is not there is said by its key."""
    with pytest.raises(KeyError, match="bundles/ab"):
        FileObjectStore(tmp_path).get("bundles/ab")


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails in the middle leaves the old content whole, and no rest of the new one."""
    store = FileObjectStore(tmp_path)
    store.put("bundles/ab", b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        store.put("bundles/ab", b"new")

    assert b"old" == store.get("bundles/ab")
    assert ["ab"] == [path.name for path in (tmp_path / "bundles").iterdir()]


@pytest.mark.parametrize("key", ["", "..", "../x", "a/../b", "/etc/passwd", "a//b", ".hidden", "a/", "a\x00b"])
def test_keys_cannot_leave_the_folder(tmp_path: Path, key: str) -> None:
    """A key that is no plain path below the folder is refused."""
    with pytest.raises(ValueError, match="not a key"):
        FileObjectStore(tmp_path).put(key, b"x")


def test_clients_are_sent_to_this_servers_routes(tmp_path: Path) -> None:
    """Uploads and downloads go through the API, by a path that begins with /api/."""
    store = FileObjectStore(tmp_path)

    assert "/api/bundles/ab/content" == store.download_url("bundles/ab")
    upload = store.upload_for("bundles/ab", 3, "ab")
    assert ("PUT", "/api/bundles/ab/content") == (upload.method, upload.url)
