"""Hashes of values that are the same in every process: of the arguments by which a stored result is found again.

Equal values of one type hash alike, whatever the order in which dicts and sets hold their elements. What is not one
of the usual types is hashed by its pickle.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

MAX_DEPTH = 100
MAX_WALKED = 10_000
"""Longer collections are pickled whole: walking through a million elements would take seconds."""

_BY_REPR = frozenset(
    {bool, int, float, complex, str, bytes, type(None), datetime, date, time, timedelta, Decimal, UUID}
)
_COLLECTIONS = frozenset({list, tuple, dict, set, frozenset})


def hash_of(value: Any) -> str:
    """Hash a value.

    Returns:
        32 hexadecimal digits.

    Raises:
        Exception: It cannot be pickled, or lies within itself.
    """
    return _digest(value, 0).hex()


def _digest(value: Any, depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    cls = type(value)
    if cls in _BY_REPR:
        return _hashed(cls, (repr(value).encode("utf-8", "surrogatepass"),))
    if cls in _COLLECTIONS and len(value) > MAX_WALKED:
        return _hashed(cls, (_pickled(value),))
    if cls is list or cls is tuple:
        return _hashed(cls, (_digest(element, depth + 1) for element in value))
    if cls is dict:
        items = ((_digest(key, depth + 1), _digest(item, depth + 1)) for key, item in value.items())
        return _hashed(cls, (part for pair in sorted(items) for part in pair))
    if cls is set or cls is frozenset:
        return _hashed(cls, sorted(_digest(element, depth + 1) for element in value))
    return _hashed(cls, _parts_of(value, depth))


def _parts_of(value: Any, depth: int) -> Iterable[bytes]:
    cls = type(value)
    if isinstance(value, Enum):
        return (value.name.encode(),)
    if isinstance(value, PurePath):
        return (str(value).encode("utf-8", "surrogateescape"),)
    if hasattr(cls, "__pydantic_fields__") or hasattr(cls, "__dataclass_fields__"):
        return (_digest(dict(vars(value)), depth + 1),) if hasattr(value, "__dict__") else (_pickled(value),)
    return (_pickled(value),)


def _pickled(value: Any) -> bytes:
    import io

    content = io.BytesIO()
    _pickler()(content).dump(value)
    return content.getvalue()


@functools.lru_cache(maxsize=1)
def _pickler() -> type[Any]:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it is not typed
        """Says classes by their names: those of scripts would be pickled with all that they refer to."""

        def persistent_id(self, value: Any) -> str | None:
            return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else None

    return Pickler


def _hashed(cls: type[Any], parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(f"{cls.__module__}.{cls.__qualname__}".encode(), digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
