"""A stored result: one line of JSON that says what follows, then the serialised value.

The line holds the `serializer`, the `sha256` of what follows, the `identity` of what made it (see
`alisio.engine.identity`), and the versions of `python` and `alisio` for whoever cannot read it. Where these are
given: until when it may be taken from a cache (`expires`, in seconds since 1970), and where the value lies if it is
not here but elsewhere (`at`: its address, and its key).
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from alisio import __version__
from alisio.exceptions import ResultError
from alisio.results.options import SerializerOption
from alisio.results.reference import StoredResult, location_in
from alisio.results.serializers import find_serializer, name_of, open_serializer

if TYPE_CHECKING:
    from alisio.results.storage import ResultStorage

_VERSIONS = {"python": platform.python_version(), "alisio": __version__}


class Record(NamedTuple):
    """A stored result whose bytes are those that were written.

    Attributes:
        identity: What made it; None: nothing that could be made again.
        serializer: The name of its serializer.
        body: The serialised value.
        versions: By what it was written, in words.
        expires: Until when it may be taken in place of a run, in seconds since 1970; None: for ever.
        at: The address and the key of what holds the value, where that is not here.
    """

    identity: str | None
    serializer: str
    body: bytes
    versions: str
    expires: float | None = None
    at: tuple[str, str] | None = None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= time.time()

    def value(self, known: SerializerOption | None = None, storage: ResultStorage | None = None) -> Any:
        """Read the value.

        Args:
            known: A serializer at hand: it is used where it is that of the record.
            storage: The store in which the value may lie, where it lies elsewhere.

        Raises:
            ResultError: It cannot be read here.
        """
        if self.at is not None:
            return self.elsewhere(self.at, known, storage).read()
        same = known is not None and name_of(known) == self.serializer
        serializer = open_serializer(known) if known is not None and same else find_serializer(self.serializer)
        try:
            return serializer.loads(self.body)
        except Exception as error:
            raise ResultError(
                f"a result written by {self.versions} cannot be read here: {type(error).__name__}: {error}"
            ) from error

    @staticmethod
    def elsewhere(at: tuple[str, str], known: SerializerOption | None, storage: ResultStorage | None) -> StoredResult:
        """Give the reference to a value that lies elsewhere, in a store at hand if it is there."""
        location, key = at
        if storage is not None and location_in(storage, key) == location:
            return StoredResult(location, storage, key, known)
        return StoredResult(location)


def pack(value: Any, serializer: SerializerOption, identity: str | None, expires: float | None = None) -> bytes:
    """Make a record of a value.

    Raises:
        Exception: The serializer cannot say it.
    """
    body = open_serializer(serializer).dumps(value)
    return _packed(name_of(serializer), body, identity, {} if expires is None else {"expires": expires})


def pack_pointer(at: tuple[str, str], expires: float | None = None) -> bytes:
    """Make a record that says where the value lies: its address, and its key there."""
    more = {"at": list(at)} | ({} if expires is None else {"expires": expires})
    return _packed("json", b"", None, more)


def _packed(serializer: str, body: bytes, identity: str | None, more: dict[str, Any]) -> bytes:
    header = {
        "serializer": serializer,
        "sha256": hashlib.sha256(body).hexdigest(),
        "identity": identity,
        **_VERSIONS,
        **more,
    }
    return json.dumps(header).encode() + b"\n" + body


def unpack(content: bytes) -> Record:
    """Read a record.

    Raises:
        ResultError: It is none, or not whole.
    """
    line, _, body = content.partition(b"\n")
    try:
        header = json.loads(line)
        at = header.get("at")
        expires = header.get("expires")
        record = Record(
            header["identity"],
            header["serializer"],
            body,
            f"Python {header['python']} with alisio {header['alisio']}",
            None if expires is None else float(expires),
            None if at is None else (str(at[0]), str(at[1])),
        )
        whole = hashlib.sha256(body).hexdigest() == header["sha256"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ResultError("this is no stored result of Alisio") from None
    if not whole:
        raise ResultError("the stored result is damaged: its checksum does not fit")
    return record
