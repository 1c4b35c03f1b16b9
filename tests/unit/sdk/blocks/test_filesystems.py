"""The block of a folder: reading and writing by path, and results that lie in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alisio import flow, task
from alisio.blocks.core import Block
from alisio.exceptions import ResultError
from alisio.filesystems import LocalFileSystem, RemoteFileSystem, WritableFileSystem
from alisio.results import ResultStore
from alisio.results.reference import StoredResult


@pytest.fixture
def files(tmp_path: Path) -> LocalFileSystem:
    """A folder that is not there yet."""
    return LocalFileSystem(basepath=str(tmp_path / "files"))


def test_what_is_written_is_read(files: LocalFileSystem, tmp_path: Path) -> None:
    """A file is written where the path says, its folders with it, and read from there; absolute paths are as good."""
    whole = files.write_path("a/b.txt", b"one")
    assert str(tmp_path / "files" / "a" / "b.txt") == whole
    assert b"one" == files.read_path("a/b.txt") == files.read_path(whole)
    files.write_path("a/b.txt", b"two")
    assert b"two" == files.read_path("a/b.txt")


def test_asynchronous_code_awaits(files: LocalFileSystem) -> None:
    """In asynchronous code both the plain methods and their siblings are awaited."""

    async def copied() -> bytes:
        await files.awrite_path("here", b"here")
        content: bytes = await files.read_path("here")  # type: ignore[misc]  # awaitable in asynchronous code
        return content + await files.aread_path("here")

    assert b"herehere" == asyncio.run(copied())


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out"])
def test_paths_that_lead_out(files: LocalFileSystem, path: str) -> None:
    """What lies outside of the folder is neither read nor written."""
    with pytest.raises(ValueError, match="leads out of"):
        files.read_path(path)
    with pytest.raises(ValueError, match="leads out of"):
        files.write_path(path, b"")


def test_a_link_that_leads_out(files: LocalFileSystem, tmp_path: Path) -> None:
    """A link within the folder is no way out of it."""
    files.write_path("there", b"")
    (tmp_path / "files" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leads out of"):
        files.write_path("link/out", b"")


def test_no_such_file(files: LocalFileSystem) -> None:
    """A file that is not there is an error that names it."""
    with pytest.raises(ValueError, match="there is no file 'nothing' in "):
        files.read_path("nothing")


def test_folders_are_copied(files: LocalFileSystem, tmp_path: Path) -> None:
    """Folders of the machine are copied in and out, over what is there; onto themselves nothing is copied."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x").write_text("x")
    files.put_directory(str(tmp_path / "source"), "kept")
    assert b"x" == files.read_path("kept/x")
    files.get_directory("kept", str(tmp_path / "target"))
    assert "x" == (tmp_path / "target" / "x").read_text()
    files.get_directory("kept", str(tmp_path / "files" / "kept"))
    asyncio.run(files.aput_directory(str(tmp_path / "source")))
    asyncio.run(files.aget_directory(None, str(tmp_path / "all")))
    assert ["kept", "x"] == sorted(path.name for path in (tmp_path / "all").iterdir())


def test_it_is_loaded_by_its_slug(files: LocalFileSystem) -> None:
    """A saved one is loaded by type and name, without an import of its class; a home is known by its mark."""
    files.save("results")
    assert files == Block.load("local-file-system/results")
    assert Path.home() / "x" == LocalFileSystem(basepath="~/x").folder
    assert Path.cwd() == LocalFileSystem().folder
    assert "y" == LocalFileSystem(basepath=Path("y")).basepath  # type: ignore[arg-type]  # as paths are taken


def test_results_lie_in_it(files: LocalFileSystem, tmp_path: Path) -> None:
    """As `result_storage` it is the folder: results have addresses there, and are read by their keys."""

    @task(persist_result=True, result_storage_key="my-result")
    def answer() -> dict[str, int]:
        return {"answer": 42}

    @flow(result_storage=files)
    def ask() -> dict[str, int]:
        return answer()

    assert {"answer": 42} == ask()
    assert (tmp_path / "files" / "my-result").is_file()
    assert {"answer": 42} == ResultStore(result_storage=files).read(key="my-result").result


@task(persist_result=True, result_storage_key="my-result")
def forty_two() -> int:
    """Be a task with a result."""
    return 42


def test_results_lie_in_a_block_that_is_named(files: LocalFileSystem, tmp_path: Path) -> None:
    """`TYPE/NAME` is the saved block, for flows, tasks and stores; it is looked for when a run needs it."""

    @flow(result_storage="local-file-system/later")
    def ask() -> int:
        return forty_two()

    files.save("later")
    assert 42 == ask()
    assert (tmp_path / "files" / "my-result").is_file()
    assert 42 == ResultStore("local-file-system/later").read("my-result").result


def test_a_block_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no block has is one line, and no folder is made of it; `./TYPE/NAME` is a folder."""
    monkeypatch.chdir(tmp_path)
    for named in ("local-file-system/none", "s3-bucket/none"):
        with pytest.raises(ResultError, match=rf"^result_storage {named}: [^\n]*save that block first[^\n]*$"):
            ResultStore(named).write(1, "key")
    assert not (tmp_path / "local-file-system").exists()
    for path in ("./local-file-system/none", "answers/none", "json/none", "local-file-system/a/b"):
        ResultStore(path).write(1, "key")
        assert (tmp_path / path / "key").is_file()


def test_a_block_of_ones_own_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slug of a class that was imported names blocks, where these hold files; any other word is a folder's."""
    monkeypatch.chdir(tmp_path)

    class Drawer(WritableFileSystem):
        _block_type_slug = "drawer-of-a-test"
        kept: dict[str, bytes] = {}

        def read_path(self, path: str) -> bytes:
            return self.kept[path]

        def write_path(self, path: str, content: bytes) -> None:
            self.kept[path] = content
            Path(path).write_bytes(content)

    Drawer().save("left")
    ResultStore("drawer-of-a-test/left").write(1, "key")
    assert (tmp_path / "key").is_file()
    assert not (tmp_path / "drawer-of-a-test").exists()


def test_files_elsewhere() -> None:
    """A remote file system reads and writes by path, and is loaded with its settings, which are shown to nobody."""
    RemoteFileSystem(basepath="memory://here/", settings={"use_listings_cache": True}).save("far")  # type: ignore[arg-type]
    far: RemoteFileSystem = RemoteFileSystem.load("far")
    assert "memory://here/a/b" == far.write_path("a/b", b"one")
    assert b"one" == far.read_path("a/b") == asyncio.run(far.aread_path("a/./b"))
    asyncio.run(far.awrite_path("c", b"two"))
    assert b"two" == far.read_path("c")
    assert {"use_listings_cache": True} == far.settings.get_secret_value()
    assert "True" not in repr(far)
    with pytest.raises(ValueError, match="there is no file 'x' in memory://here/"):
        far.read_path("x")
    for path in ("../x", "/x", "."):
        with pytest.raises(ValueError, match="leads out of"):
            far.write_path(path, b"")


@pytest.mark.parametrize("address", ["here", "file:///here", "memory://"])
def test_addresses_that_are_none(address: str) -> None:
    """A folder of this machine, or half an address, is refused."""
    with pytest.raises(ValueError, match=r"an address is written|there is LocalFileSystem"):
        RemoteFileSystem(basepath=address)


def test_results_lie_elsewhere() -> None:
    """Results in it are read by its name too, as its settings may be needed: states on the server tell that name."""
    RemoteFileSystem(basepath="memory://results", settings={"skip_instance_cache": True}).save("far")  # type: ignore[arg-type]

    @flow(result_storage="remote-file-system/far", persist_result=True)
    def ask() -> int:
        return forty_two.with_options(result_storage_key="deep/my-result")()

    state = ask(return_state=True)
    assert state.stored is not None and state.stored.location is not None
    assert state.stored.location.startswith("block://remote-file-system/far/")
    assert 42 == StoredResult(state.stored.location).read()
    assert 42 == StoredResult("block://remote-file-system/far/deep/my-result").read()
