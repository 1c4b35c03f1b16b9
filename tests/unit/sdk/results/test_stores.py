"""Stores by address, and blocks: what is written can be read, and what goes wrong is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from alisio import State, flow, task
from alisio.cache_policies import INPUTS
from alisio.exceptions import MissingResultError, ResultError
from alisio.results import s3
from alisio.results.records import pack
from alisio.results.reference import StoredResult
from alisio.results.storage import BlockStorage, FolderStorage, open_storage
from alisio.transactions import transaction
from tests.unit.sdk.conftest import MemoryServer


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket of an S3 in this process."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-south-2",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(s3, "_clients", [])
    with mock_aws():
        import boto3

        place: Any = {"LocationConstraint": "eu-south-2"}
        boto3.client("s3").create_bucket(Bucket="results", CreateBucketConfiguration=place)
        yield "s3://results"


@pytest.fixture(params=["s3", "s3 with a prefix", "memory", "local", "file"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address of each kind, with nothing there."""
    kind: str = request.param
    if kind.startswith("s3"):
        yield request.getfixturevalue("bucket") + ("/some/prefix/" if "prefix" in kind else "")
        return
    if kind != "memory":
        yield f"{kind}://{tmp_path}/some results"
        return
    fsspec = pytest.importorskip("fsspec")
    yield "memory://results/of/mine"
    fsspec.filesystem("memory").store.clear()


def test_each_address_keeps_what_is_written(address: str) -> None:
    """Keys with folders are written, replaced, read and removed; what is not there is not."""
    store: Any = open_storage(address)
    assert not store.exists("a/b")
    store.write("a/b", b"one")
    store.write("a/b", b"two")
    assert (True, False, b"two") == (store.exists("a/b"), store.exists("a"), store.read("a/b"))
    store.remove("a/b")
    store.remove("a/b")
    assert not store.exists("a/b")
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    for key in ("../out", "/abs", "", "a//b"):
        with pytest.raises(ResultError, match="names no file within"):
            store.write(key, b"")


def test_each_location_leads_to_the_result(address: str) -> None:
    """What the server is told of a result is enough to read it in any process."""
    store: Any = open_storage(address)
    store.write("run/hash", pack([1, 2], "json", None))
    location = store.location_of("run/hash")
    assert [1, 2] == StoredResult(location).read()
    store.remove("run/hash")
    with pytest.raises(MissingResultError, match="it cannot be read from there"):
        StoredResult(location).read()


def test_a_flow_stores_and_caches_there(server: MemoryServer, address: str) -> None:
    """Results of flows and tasks lie at the address, and a cached one is found there, in transactions too."""
    runs: list[int] = []

    @task(cache_policy=INPUTS)
    def double(n: int) -> int:
        runs.append(n)
        return 2 * n

    @flow(result_storage=address)
    def main() -> int:
        with transaction():
            return double(4)

    assert [8, 8] == [main(), main()]
    assert [4] == runs
    first, second = server.all_runs()
    assert [8, 8] == [State.from_record(run.state).result() for run in (first, second)]
    told = [run.tasks["double-0"].states[-1] for run in (first, second)]
    assert ["Completed", "Cached"] == [state.name for state in told]
    assert told[0].result == told[1].result
    assert 8 == State.from_record(told[0]).result()


def test_a_bucket_that_is_not_there(server: MemoryServer, bucket: str) -> None:
    """The run goes on, and its state says what S3 has answered."""

    @flow(result_storage="s3://no-such-bucket/results")
    def main() -> int:
        return 7

    assert 7 == main()
    message = server.only_run().state.message
    assert message is not None
    assert message.startswith("its result is not stored: OSError: S3 refuses: ") and "NoSuchBucket" in message


def test_an_address_of_no_kind(server: MemoryServer) -> None:
    """An address that no package here knows is told with what to install; the run goes on."""

    @flow(result_storage="nowhere://bucket/results")
    def main() -> int:
        return 7

    assert 7 == main()
    message = server.only_run().state.message
    assert message is not None and "results on nowhere://bucket/results need a package" in message


class Folder:
    """A file system block, as other libraries have them."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def read_path(self, path: str) -> bytes:
        return (self.base / path).read_bytes()

    def write_path(self, path: str, content: bytes) -> None:
        (self.base / path).parent.mkdir(parents=True, exist_ok=True)
        (self.base / path).write_bytes(content)


class AsyncFolder(Folder):
    """The same, asynchronous."""

    async def read_path(self, path: str) -> bytes:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().read_path(path)

    async def write_path(self, path: str, content: bytes) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().write_path(path, content)


@pytest.mark.parametrize("make", [Folder, AsyncFolder])
def test_a_block_is_a_store(server: MemoryServer, tmp_path: Path, make: Callable[[Path], Any]) -> None:
    """An object with `read_path` and `write_path` holds results, and caches them."""
    runs: list[int] = []

    @task(cache_policy=INPUTS, result_storage=make(tmp_path / "block"))
    def double(n: int) -> int:
        runs.append(n)
        return 2 * n

    @flow
    def main() -> list[int]:
        return [double(4), double(4)]

    assert ([8, 8], [4]) == (main(), runs)
    assert not BlockStorage(make(tmp_path)).exists("gone")


def test_a_file_address_is_a_folder() -> None:
    """`file://` is the same as the path."""
    store = open_storage("file:///some/folder%20here")
    assert isinstance(store, FolderStorage) and Path("/some/folder here") == store.folder
