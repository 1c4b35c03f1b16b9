"""Hashes of values that are the same in every process: of the arguments by which a stored result is found again.

Equal values of one type hash alike, whatever the order in which dicts and sets hold their elements (very long dicts
excepted), and whether or not equal parts are one object. What is not one of the usual types is hashed by its pickle.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

MAX_DEPTH = 100
MAX_WALKED = 10_000
"""Longer lists, tuples and dicts are pickled whole: walking through a million elements would take seconds."""

_BY_REPR = frozenset({bool, int, float, complex, str, bytes, type(None), date, timedelta, Decimal, UUID})
_IN_ORDER = frozenset({list, tuple, dict})


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
    if cls in _IN_ORDER and len(value) > MAX_WALKED:
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
    if cls is datetime or cls is time:
        # The representations of time zones may hold addresses.
        return (repr(value.replace(tzinfo=None)).encode(), _digest(value.tzinfo, depth + 1))
    if isinstance(value, Enum) and value.name is not None:  # flags may have none
        return (value.name.encode(),)
    if isinstance(value, PurePath):
        return (str(value).encode("utf-8", "surrogateescape"),)
    if (decorators := getattr(cls, "__pydantic_decorators__", None)) is not None and _says_how(decorators):
        return (_digest(value.model_dump(), depth + 1),)
    if hasattr(cls, "__pydantic_fields__") or hasattr(cls, "__dataclass_fields__"):
        return (_digest(_attributes_of(value), depth + 1),)
    return (_pickled(value),)


def _says_how(decorators: Any) -> bool:
    """Tell whether a model says itself how it is serialised: what it leaves out does not count."""
    return bool(decorators.model_serializers or decorators.field_serializers)


def _attributes_of(value: Any) -> dict[str, Any]:
    """Give what a model or a dataclass holds, but for what it has only computed from that."""
    cls = type(value)
    parts = dict(getattr(value, "__dict__", ()))
    parts["__pydantic_extra__"] = getattr(value, "__pydantic_extra__", None)
    if hasattr(cls, "__dataclass_fields__"):  # those in slots are not in `__dict__`
        names = (field.name for field in fields(value) if field.name not in parts)
        parts.update({name: getattr(value, name, None) for name in names})
    return {
        name: part
        for name, part in parts.items()
        if not isinstance(getattr(cls, name, None), functools.cached_property)
    }


def _pickled(value: Any) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    _pickler()(SimpleNamespace(write=digest.update)).dump(value)
    return digest.digest()


@functools.lru_cache(maxsize=1)
def _pickler() -> type[Any]:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it is not typed
        """Writes equal values alike.

        Classes by their names: those of scripts would be pickled with all that they refer to. Sets in an order of
        their own. Texts and tuples anew each time: pickles refer back to an object that comes again, and whether
        two equal ones are one object differs between processes.
        """

        def persistent_id(self, value: Any) -> str | bytes | bytearray | list[Any] | None:
            cls = type(value)
            if cls is str:
                return str.encode(value, "utf-8", "surrogatepass")
            if cls is tuple:
                return list(value)
            if cls is set or cls is frozenset:
                return bytearray(_digest(value, 0))
            return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else None

    return Pickler


def _hashed(cls: type[Any], parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(f"{cls.__module__}.{cls.__qualname__}".encode(), digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
