"""Where a result lies, and reading it from there. States hold such references; it loads with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alisio.exceptions import MissingResultError, ResultError

if TYPE_CHECKING:
    from alisio.results.options import SerializerOption
    from alisio.results.storage import ResultStorage


class StoredResult:
    """Where the result of a run lies.

    Attributes:
        location: As states on the server say it: the address of a file, or, in a store of the flow's own, the name
            of its class and the key; None: it was not stored.

    Args:
        location: See above.
        storage: The store, where it is at hand.
        key: What it lies under there.
        serializer: What it was written with, where that is at hand.
    """

    __slots__ = ("_key", "_serializer", "_storage", "location")

    def __init__(
        self,
        location: str | None,
        storage: ResultStorage | None = None,
        key: str = "",
        serializer: SerializerOption | None = None,
    ) -> None:
        self.location = location
        self._storage = storage
        self._key = key
        self._serializer = serializer

    def __repr__(self) -> str:
        return f"StoredResult({self.location!r})"

    def __reduce__(self) -> tuple[type[StoredResult], tuple[str | None]]:
        """Pickle where it lies: stores need not be picklable."""
        return StoredResult, (self.location,)

    def read(self) -> Any:
        """Read the result.

        Raises:
            MissingResultError: It was not stored, or is no longer where it was.
            ResultError: It lies where it cannot be read from here, or is damaged.
        """
        from alisio.results.records import unpack

        try:
            return unpack(self._content()).value(self._serializer)
        except ResultError as error:
            raise type(error)(f"{self.location or 'the result'}: {error}") from error

    def _content(self) -> bytes:
        if self.location is None:
            raise MissingResultError("it was not stored; persist_result=True on the flow or task has it stored")
        storage, key = self._storage, self._key
        if storage is None:
            storage, key = _storage_and_key(self.location)
        try:
            return storage.read(key)
        except OSError as error:
            raise MissingResultError(f"it cannot be read from there: {error.strerror or error}") from error


def location_in(storage: ResultStorage, key: str) -> str:
    """Say where a key of a store is."""
    from alisio.results.storage import Locating

    if isinstance(storage, Locating):
        return storage.location_of(key)
    return f"{type(storage).__module__}.{type(storage).__qualname__}:{key}"


def _storage_and_key(location: str) -> tuple[ResultStorage, str]:
    """Open the store that an address leads to.

    Raises:
        ResultError: It is no address.
    """
    from urllib.parse import unquote

    from alisio.results.storage import open_storage

    if "://" not in location:
        raise ResultError("it lies in a store of the flow's own; read it there, and give it to `unpack`")
    folder, _, name = location.rpartition("/")
    return open_storage(folder), unquote(name) if location.startswith("file://") else name
