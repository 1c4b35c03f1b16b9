"""An object store in a folder: one file a key, written whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from alisio.contract.ids import new_id

if TYPE_CHECKING:
    from alisio.contract.deployments import Upload

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class FileObjectStore:
    """Objects as files under one folder. A key such as `bundles/<sha256>` is a path below it.

    The folder is made when the first object comes. The server's own routes take and give the content.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, content: bytes) -> None:
        """Store content whole or not at all: a crash or a full disk leaves the old content, or none.

        Raises:
            OSError: The disk is full or cannot be written.
        """
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{new_id().hex}")
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def get(self, key: str) -> bytes:
        """Fetch content.

        Raises:
            KeyError: There is none by that key.
        """
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def size_of(self, key: str) -> int | None:
        """Tell how many bytes there are by that key; None: there is no content."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Remove content; no error where there is none."""
        self._path(key).unlink(missing_ok=True)

    def upload_for(self, key: str, size: int, sha256: str) -> Upload:
        """Tell a client to send the content to this server, whose route checks it."""
        from alisio.contract.deployments import Upload

        return Upload(method="PUT", url=self.download_url(key))

    def download_url(self, key: str) -> str:
        """Tell the path of this server's API where the content is got."""
        return f"/api/{key}/content"

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key of an object: {key!r}")
        return self._folder / key


def _sync_folder(folder: Path) -> None:
    # The new name is on the disk only once its folder is; Windows cannot open folders and needs no such thing.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
