"""A stored result: one line of JSON that says what follows, then the serialised value.

The line holds the `serializer`, the `sha256` of what follows, the `identity` of what made it (see
`alisio.engine.persistence`), and the versions of `python` and `alisio` for whoever cannot read it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from typing import Any, NamedTuple

from alisio import __version__
from alisio.exceptions import ResultError
from alisio.results.options import SerializerOption
from alisio.results.serializers import find_serializer, name_of, open_serializer

_VERSIONS = {"python": platform.python_version(), "alisio": __version__}


class Record(NamedTuple):
    """A stored result whose bytes are those that were written.

    Attributes:
        identity: What made it; None: nothing that could be made again.
        serializer: The name of its serializer.
        body: The serialised value.
        versions: By what it was written, in words.
    """

    identity: str | None
    serializer: str
    body: bytes
    versions: str

    def value(self, known: SerializerOption | None = None) -> Any:
        """Read the value.

        Args:
            known: A serializer at hand: it is used where it is that of the record.

        Raises:
            ResultError: It cannot be read here.
        """
        same = known is not None and name_of(known) == self.serializer
        serializer = open_serializer(known) if known is not None and same else find_serializer(self.serializer)
        try:
            return serializer.loads(self.body)
        except Exception as error:
            raise ResultError(
                f"a result written by {self.versions} cannot be read here: {type(error).__name__}: {error}"
            ) from error


def pack(value: Any, serializer: SerializerOption, identity: str | None) -> bytes:
    """Make a record of a value.

    Raises:
        Exception: The serializer cannot say it.
    """
    body = open_serializer(serializer).dumps(value)
    header = {
        "serializer": name_of(serializer),
        "sha256": hashlib.sha256(body).hexdigest(),
        "identity": identity,
        **_VERSIONS,
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
        record = Record(
            header["identity"],
            header["serializer"],
            body,
            f"Python {header['python']} with alisio {header['alisio']}",
        )
        whole = hashlib.sha256(body).hexdigest() == header["sha256"]
    except (ValueError, KeyError, TypeError):
        raise ResultError("this is no stored result of Alisio") from None
    if not whole:
        raise ResultError("the stored result is damaged: its checksum does not fit")
    return record
