"""`ResultStore`: results by key, from any code."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, task
from alisio.exceptions import MissingResultError, ResultError
from alisio.locking.memory import MemoryLockManager
from alisio.results import ResultStore, get_result_store
from alisio.serializers import CompressedSerializer, JSONSerializer
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.shelf import Shelf


def test_what_a_task_has_stored_is_read_by_its_key(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """A result under a key of its own is read with what is known of it, however it was written."""

    @style.task(result_storage=tmp_path, result_storage_key="answer", result_serializer="json")
    def compute() -> dict[str, int]:
        return {"answer": 42}

    style.run_task(compute)
    record = ResultStore(result_storage=tmp_path).read("answer")
    assert ({"answer": 42}, "answer", "json", None) == (
        record.result,
        record.metadata.storage_key,
        record.metadata.serializer,
        record.metadata.expiration,
    )
    assert "alisio" in record.metadata.written_by


def test_writing_and_reading() -> None:
    """What is written is there, until it expires; what is not there, or not whole, is told."""
    shelf = Shelf()
    store = ResultStore(shelf, serializer="compressed/json")
    soon = datetime.now(UTC) + timedelta(hours=1)
    store.write([1], "kept", soon)
    store.write([2], "over", datetime.now(UTC) - timedelta(seconds=1))
    assert (True, False, False) == (store.exists("kept"), store.exists("over"), store.exists("gone"))
    assert ([1], soon) == (store.read("kept").result, store.read("kept").metadata.expiration)
    with pytest.raises(MissingResultError, match="there is no result under the key 'gone'"):
        store.read("gone")
    shelf.content["half"] = shelf.content["kept"][:-1]
    assert not store.exists("half")
    with pytest.raises(ResultError, match="damaged"):
        store.read("half")


def test_without_blocking_a_loop() -> None:
    """The asynchronous methods do the same."""
    store = ResultStore(Shelf(), lock_manager=MemoryLockManager())

    async def use() -> tuple[bool, Any, bool]:
        await store.awrite(5, "k")
        return await store.aexists("k"), (await store.aread("k")).result, await store.aacquire_lock("k", "me")

    assert (True, 5, True) == asyncio.run(use())
    store.release_lock("k", "me")


def test_locking_keys() -> None:
    """A store with a lock manager locks its keys, by default for this thread; one without says so."""
    store = ResultStore(Shelf(), lock_manager=MemoryLockManager())
    assert store.acquire_lock("k") and store.is_lock_holder("k") and store.is_locked("k")
    assert not store.acquire_lock("k", holder="another", timeout=0)
    store.release_lock("k")
    assert store.wait_for_lock("k", 0)
    levels = ("READ_COMMITTED", "SERIALIZABLE")
    assert [True, True] == [store.supports_isolation_level(level) for level in levels]
    assert [True, False] == [ResultStore(Shelf()).supports_isolation_level(level) for level in levels]
    with pytest.raises(ValueError, match="has no lock_manager"):
        ResultStore(Shelf()).acquire_lock("k")
    with pytest.raises(ValueError, match="result_storage must be a folder"):
        ResultStore(5)  # type: ignore[arg-type]


def test_the_store_of_the_run(server: MemoryServer, tmp_path: Path, storage: Path) -> None:
    """In a run it is where and how that run stores; elsewhere what the settings say."""

    @task(result_serializer="json")
    def inside() -> tuple[Any, Any]:
        store = get_result_store()
        return store.result_storage, store.serializer

    @flow(result_storage=tmp_path)
    def main() -> Any:
        return inside()

    assert (str(tmp_path), "json") == tuple(main())
    get_result_store().write(1, "k")
    assert (storage / "k").is_file()


def test_serializers_where_users_of_prefect_look(tmp_path: Path) -> None:
    """A serializer that holds another is found again by what reads the result."""
    ResultStore(tmp_path, serializer=CompressedSerializer(serializer=JSONSerializer())).write({"a": 1}, "k")
    assert {"a": 1} == ResultStore(tmp_path).read("k").result
    ResultStore(tmp_path, serializer=CompressedSerializer("json")).write({"a": 2}, "k")
    assert {"a": 2} == ResultStore(tmp_path).read("k").result
