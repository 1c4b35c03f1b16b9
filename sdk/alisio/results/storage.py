"""Where results are stored: what a store must be able to do, and how one is opened."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from alisio.exceptions import BlockError, ResultError
from alisio.results.keys import checked_key
from alisio.results.options import BLOCK_SCHEME
from alisio.utilities.files import write_whole


class ResultStorage(Protocol):
    """A store of results by key. Its methods are called from many threads at once.

    One that also has `remove(key)` is cleared of what a transaction had written before it failed.
    """

    def exists(self, key: str, /) -> bool:
        """Tell whether there is something under a key."""
        ...

    def read(self, key: str, /) -> bytes:
        """Give what is under a key."""
        ...

    def write(self, key: str, content: bytes, /) -> None:
        """Put something under a key, in the place of what is there; nobody may ever read half of it."""
        ...


@runtime_checkable
class Locating(Protocol):
    """A store whose keys have addresses that any process can read from."""

    def location_of(self, key: str, /) -> str:
        """Give the address of a key."""
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

    def remove(self, key: str) -> None:
        """Remove the file at a key; where there is none, nothing happens."""
        self.path_of(key).unlink(missing_ok=True)

    def location_of(self, key: str) -> str:
        """Give the address of the file at a key, as `file:///…`."""
        return self.path_of(key).as_uri()

    def path_of(self, key: str) -> Path:
        """Give the file of a key.

        Raises:
            ResultError: The key leads out of the folder.
        """
        return self.folder / checked_key(key, self.folder)


class BlockStorage:
    """A file system block as a store: an object with `read_path` and `write_path`, synchronous or asynchronous."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def exists(self, key: str) -> bool:
        """Tell whether a path can be read."""
        try:
            self.read(key)
        except Exception:  # each block has its own error for what is not there
            return False
        return True

    def read(self, key: str) -> bytes:
        """Read what is at a path."""
        return cast(bytes, _now(self.block.read_path(checked_key(key, self.block))))

    def write(self, key: str, content: bytes) -> None:
        """Write to a path."""
        _now(self.block.write_path(checked_key(key, self.block), content))


def open_storage(storage: Any) -> ResultStorage:
    """Give the store of an option: that of a folder's path or an address, that a block makes, or the object itself.

    Raises:
        ResultError: It is the name of a block that is not there, or holds no files; or what opens it is missing.
    """
    if isinstance(storage, str):
        return _opened(storage)
    if hasattr(storage, "opened_storage"):
        return cast(ResultStorage, storage.opened_storage())
    if hasattr(storage, "read_path") and not hasattr(storage, "read"):
        return BlockStorage(storage)
    return cast(ResultStorage, storage)


def _opened(place: str) -> ResultStorage:
    if place.startswith(BLOCK_SCHEME):
        from alisio.settings import current_settings

        settings = current_settings()
        # Tests, and programs that talk to several servers, have other blocks by the same name there.
        return _block_storage(
            place.removeprefix(BLOCK_SCHEME), f"{settings.api_url} {settings.api_database_connection_url}"
        )
    return _place_storage(place)


@functools.lru_cache(maxsize=64)
def _block_storage(named: str, _server: str) -> ResultStorage:
    """Load a block and give the store that it is; a process loads it once."""
    from alisio.blocks.core import Block
    from alisio.blocks.storing import load

    slug, name, *below = named.split("/")
    try:
        block: Any = load(Block, slug, name, validate=True)
    except BlockError as error:
        raise ResultError(
            f"result_storage {slug}/{name}: {error}; save that block first (a folder of this name is written "
            f"./{slug}/{name}, and a bucket such as s3://bucket/folder)"
        ) from error
    if not hasattr(block, "read_path"):
        raise ResultError(f"result_storage {slug}/{name}: a {type(block).__name__} holds no files")
    storage = open_storage(block)
    return storage.below("/".join(below)) if below and hasattr(storage, "below") else storage


@functools.lru_cache(maxsize=256)
def _place_storage(place: str) -> ResultStorage:
    scheme, mark, _ = place.partition("://")
    if not mark:
        return FolderStorage(Path(place))
    if scheme == "file":
        from urllib.parse import unquote, urlsplit

        return FolderStorage(Path(unquote(urlsplit(place).path)))
    if scheme == "s3":
        from alisio.results.s3 import S3Storage

        return S3Storage(place)
    from alisio.results.filesystems import FileSystemStorage

    return FileSystemStorage(place)


def _now(outcome: Any) -> Any:
    if not inspect.iscoroutine(outcome):
        return outcome
    from alisio.engine.drivers import run_coroutine

    return run_coroutine(outcome)
