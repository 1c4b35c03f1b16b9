"""Blocks that hold files by path: places for results, and for what flows read and write.

    from alisio.filesystems import LocalFileSystem

    LocalFileSystem(basepath="/data/results").save("results")

Every method blocks in synchronous code; in asynchronous code it gives what is to be awaited. Those whose names begin
with `a` are awaited everywhere.
"""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

from pydantic import Field, field_validator

from alisio.blocks.core import Block
from alisio.blocks.fields import SecretDict
from alisio.engine.either import awaited, blocking, either
from alisio.results.filesystems import FileSystemStorage
from alisio.results.options import BLOCK_SCHEME
from alisio.results.storage import FolderStorage
from alisio.utilities.files import write_whole

__all__ = ["LocalFileSystem", "ReadableFileSystem", "RemoteFileSystem", "WritableFileSystem"]


class ReadableFileSystem(Block, ABC):
    """Files that can be read by path."""

    _block_schema_capabilities = ["read-path"]

    @abstractmethod
    def read_path(self, path: str) -> Any:
        """Give what a file holds, as bytes."""


class WritableFileSystem(ReadableFileSystem, ABC):
    """Files that can be read and written by path."""

    _block_schema_capabilities = ["read-path", "write-path"]

    @abstractmethod
    def write_path(self, path: str, content: bytes) -> Any:
        """Make a file hold something, in the place of what it held."""


class LocalFileSystem(WritableFileSystem):
    """A folder of this machine; given as `result_storage`, results lie there as in any folder.

    Attributes:
        basepath: The folder; None: where the process works.

    Example:
        from alisio.filesystems import LocalFileSystem

        LocalFileSystem(basepath="/data/results").save("results")
        LocalFileSystem.load("results").write_path("hello.txt", b"hello")
    """

    _block_type_name = "Local File System"

    basepath: str | None = Field(default=None, description="The folder; by default where the process works.")

    @field_validator("basepath", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    @property
    def folder(self) -> Path:
        """The folder, as an absolute path."""
        return Path(self.basepath or ".").expanduser().resolve()

    def opened_storage(self) -> FolderStorage:
        """Give the store of results that the folder is."""
        return FolderStorage(self.folder)

    def read_path(self, path: str) -> bytes:
        """Read a file.

        Args:
            path: From the folder on, or absolute and within it.

        Raises:
            ValueError: There is no such file, or the path leads out of the folder.
        """
        content: bytes = either(blocking(partial(self._read, path)))
        return content

    async def aread_path(self, path: str) -> bytes:
        """Read a file; see `read_path`."""
        return await awaited(blocking(partial(self._read, path)))

    def write_path(self, path: str, content: bytes) -> str:
        """Write a file, whole or not at all; folders on its way are made.

        Args:
            path: From the folder on, or absolute and within it.
            content: What it is to hold.

        Returns:
            Its absolute path.

        Raises:
            ValueError: The path leads out of the folder.
        """
        written: str = either(blocking(partial(self._write, path, content)))
        return written

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a file; see `write_path`."""
        return await awaited(blocking(partial(self._write, path, content)))

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a folder of it, with all that is in it, to another place of this machine.

        Args:
            from_path: Which; by default all of it.
            local_path: To where; by default where the process works.

        Raises:
            ValueError: The path leads out of the folder.
        """
        nothing: None = either(blocking(partial(self._get, from_path, local_path)))
        return nothing

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a folder of it to another place; see `get_directory`."""
        await awaited(blocking(partial(self._get, from_path, local_path)))

    def put_directory(self, local_path: str | None = None, to_path: str | None = None) -> None:
        """Copy a folder of this machine, with all that is in it, into it.

        Args:
            local_path: Which; by default where the process works.
            to_path: To where in it; by default to its top.

        Raises:
            ValueError: The path leads out of the folder.
        """
        nothing: None = either(blocking(partial(self._put, local_path, to_path)))
        return nothing

    async def aput_directory(self, local_path: str | None = None, to_path: str | None = None) -> None:
        """Copy a folder of this machine into it; see `put_directory`."""
        await awaited(blocking(partial(self._put, local_path, to_path)))

    def _within(self, path: str | None) -> Path:
        whole = (self.folder / Path(path or ".").expanduser()).resolve()
        if not whole.is_relative_to(self.folder):
            raise ValueError(f"the path {str(path)!r} leads out of {self.folder}")
        return whole

    def _read(self, path: str) -> bytes:
        file = self._within(path)
        if not file.is_file():
            raise ValueError(f"there is no file {path!r} in {self.folder}")
        return file.read_bytes()

    def _write(self, path: str, content: bytes) -> str:
        file = self._within(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
        return str(file)

    def _get(self, from_path: str | None, local_path: str | None) -> None:
        _copy(self._within(from_path), Path(local_path or ".").resolve())

    def _put(self, local_path: str | None, to_path: str | None) -> None:
        _copy(Path(local_path or ".").resolve(), self._within(to_path))


class RemoteFileSystem(WritableFileSystem):
    """A folder of any file system that fsspec knows; given as `result_storage`, results lie there.

    It needs `alisio[fsspec]`, and fsspec's package for that kind of address.

    Attributes:
        basepath: Its address, such as `sftp://host/results`.
        settings: What fsspec is to be given to open it, such as credentials. They are stored encrypted.

    Example:
        from alisio.filesystems import RemoteFileSystem

        RemoteFileSystem(basepath="memory://results").save("results")
        RemoteFileSystem.load("results").write_path("hello.txt", b"hello")
    """

    _block_type_name = "Remote File System"

    basepath: str = Field(description="Its address, such as sftp://host/results.")
    settings: SecretDict = Field(
        default_factory=lambda: SecretDict({}), description="What fsspec is given to open it, such as credentials."
    )

    @field_validator("basepath")
    @classmethod
    def _as_address(cls, value: str) -> str:
        scheme, mark, rest = value.partition("://")
        if not (scheme and mark and rest):
            raise ValueError(f"an address is written scheme://folder, unlike {value!r}")
        if scheme in ("file", "local"):
            raise ValueError("for a folder of this machine there is LocalFileSystem")
        return value

    def opened_storage(self) -> FileSystemStorage:
        """Give the store of results that the folder is."""
        settings = self.settings.get_secret_value()
        # Whoever reads a result later needs the settings too: the block tells them, the address alone does not.
        saved = settings and self._block_document_name
        address = f"{BLOCK_SCHEME}{self.get_block_type_slug()}/{saved}" if saved else None
        return FileSystemStorage(self.basepath, settings, address)

    def read_path(self, path: str) -> bytes:
        """Read a file.

        Args:
            path: From the folder on.

        Raises:
            ValueError: There is no such file, or the path leads out of the folder.
            ResultError: fsspec cannot open the folder.
        """
        content: bytes = either(blocking(partial(self._read, path)))
        return content

    async def aread_path(self, path: str) -> bytes:
        """Read a file; see `read_path`."""
        return await awaited(blocking(partial(self._read, path)))

    def write_path(self, path: str, content: bytes) -> str:
        """Write a file; folders on its way are made.

        Args:
            path: From the folder on.
            content: What it is to hold.

        Returns:
            Its address.

        Raises:
            ValueError: The path leads out of the folder.
            ResultError: fsspec cannot open the folder.
        """
        written: str = either(blocking(partial(self._write, path, content)))
        return written

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a file; see `write_path`."""
        return await awaited(blocking(partial(self._write, path, content)))

    def _within(self, path: str) -> str:
        within = posixpath.normpath(path)
        if within.startswith(("/", "../")) or within in (".", ".."):
            raise ValueError(f"the path {path!r} leads out of {self.basepath}")
        return within

    def _read(self, path: str) -> bytes:
        try:
            return self.opened_storage().read(self._within(path))
        except FileNotFoundError:
            raise ValueError(f"there is no file {path!r} in {self.basepath}") from None

    def _write(self, path: str, content: bytes) -> str:
        within = self._within(path)
        self.opened_storage().write(within, content)
        return f"{self.basepath.rstrip('/')}/{within}"


def _copy(source: Path, target: Path) -> None:
    if source != target:
        copytree(source, target, symlinks=True, dirs_exist_ok=True)
