"""Results on any file system that fsspec knows: `gs://`, `abfs://`, `sftp://`, `memory://` and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alisio.exceptions import ResultError
from alisio.results.keys import checked_key


class FileSystemStorage:
    """A folder of a file system of fsspec's, with one file a result.

    A file that was only half written is known by its checksum, so it need not be renamed into its place: many of
    these file systems would copy it.

    Args:
        url: Such as `gs://bucket/results`. Options, such as credentials, are those that fsspec finds in its own
            configuration and in the environment.
        options: More of them; they go before these.
        address: What others are to know it by, where the URL alone is not enough to read from it.

    Raises:
        ResultError: fsspec, or the package for this kind of address, is not installed.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None, address: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._options = dict(options or {})
        self._address = address or self.url
        try:
            from fsspec.core import url_to_fs

            found: tuple[Any, str] = url_to_fs(self.url, **self._options)
        except (ImportError, ValueError) as error:
            raise ResultError(
                f"results on {url} need a package: install `alisio[fsspec]`, and that of the file system: {error}"
            ) from error
        self._system, self._root = found

    def exists(self, key: str) -> bool:
        """Tell whether there is a file at a key."""
        return bool(self._system.isfile(self._path(key)))

    def read(self, key: str) -> bytes:
        """Read the file at a key.

        Raises:
            OSError: It is not there, or cannot be read.
        """
        content: bytes = self._system.cat_file(self._path(key))
        return content

    def write(self, key: str, content: bytes) -> None:
        """Write the file at a key, and make the folders that lead to it.

        Raises:
            OSError: It cannot be written.
        """
        path = self._path(key)
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(path, content)

    def remove(self, key: str) -> None:
        """Remove the file at a key; where there is none, nothing happens."""
        if self.exists(key):
            self._system.rm_file(self._path(key))

    def location_of(self, key: str) -> str:
        """Give the address of the file at a key."""
        return f"{self._address}/{checked_key(key, self.url)}"

    def below(self, folder: str) -> FileSystemStorage:
        """Give the store of a folder in it."""
        checked_key(folder, self.url)
        return FileSystemStorage(f"{self.url}/{folder}", self._options, f"{self._address}/{folder}")

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{checked_key(key, self.url)}"
