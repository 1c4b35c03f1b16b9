"""Where results are stored: what a store must be able to do, and a folder as one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Protocol

from alisio.exceptions import ResultError
from alisio.utilities.files import write_whole


class ResultStorage(Protocol):
    """A store of results by key. Its methods are called from many threads at once."""

    def exists(self, key: str, /) -> bool:
        """Tell whether there is something under a key."""
        ...

    def read(self, key: str, /) -> bytes:
        """Give what is under a key."""
        ...

    def write(self, key: str, content: bytes, /) -> None:
        """Put something under a key, in the place of what is there; nobody may ever read half of it."""
        ...


class FolderStorage:
    """A folder with one file a result, at its key.

    Args:
        folder: The folder; it is made when the first result is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self, key: str) -> bool:
        """Tell whether there is a file at a key."""
        return self.path_of(key).is_file()

    def read(self, key: str) -> bytes:
        """Read the file at a key.

        Raises:
            OSError: It is not there, or cannot be read.
        """
        return self.path_of(key).read_bytes()

    def write(self, key: str, content: bytes) -> None:
        """Write the file at a key, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        path = self.path_of(key)
        try:
            write_whole(path, content)
        except FileNotFoundError:
            # Pickles are code to those who read them: nobody else is to write here.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)

    def path_of(self, key: str) -> Path:
        """Give the file of a key.

        Raises:
            ResultError: The key leads out of the folder.
        """
        path = self.folder / key
        if ".." in path.parts or not path.is_relative_to(self.folder) or path == self.folder:
            raise ResultError(
                f"the key {key!r} names no file within {self.folder}: write one without '/' before it or '..'"
            )
        return path


@functools.lru_cache(maxsize=64)
def _folder(path: str) -> FolderStorage:
    return FolderStorage(Path(path))


def open_storage(storage: str | ResultStorage) -> ResultStorage:
    """Give the store of an option: that of a folder's path, or the object itself."""
    return _folder(storage) if isinstance(storage, str) else storage
