"""The block of a folder: reading and writing by path, and results that lie in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alisio import flow, task
from alisio.blocks.core import Block
from alisio.filesystems import LocalFileSystem
from alisio.results import ResultStore


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
