"""How results become bytes: cloudpickle, JSON, and both compressed."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Protocol

from alisio.exceptions import ResultError
from alisio.results.options import SERIALIZERS, SerializerOption

_COMPRESSORS = {"gzip": b"\x1f\x8b", "bz2": b"BZh", "lzma": b"\xfd7zXZ", "zlib": b""}
"""The libraries that compress, and what their output begins with; that of zlib is told by being none of the others."""


class Serializer(Protocol):
    """Turns values into bytes and back. One that is to be used in another process can be made without arguments."""

    def dumps(self, value: Any, /) -> bytes:
        """Turn a value into bytes."""
        ...

    def loads(self, content: bytes, /) -> Any:
        """Turn these bytes into an equal value."""
        ...


class PickleSerializer:
    """Anything that cloudpickle can say: functions and classes of scripts among it.

    Args:
        picklelib: What files written for Prefect name here; cloudpickle pickles all that another one would.
    """

    def __init__(self, picklelib: str = "cloudpickle") -> None:
        self.picklelib = picklelib

    def dumps(self, value: Any) -> bytes:
        """Pickle a value."""
        import cloudpickle

        pickled: bytes = cloudpickle.dumps(value)
        return pickled

    def loads(self, content: bytes) -> Any:
        """Unpickle a value; this executes what the pickle says."""
        import pickle

        return pickle.loads(content)


class JSONSerializer:
    """What JSON can say, and values of types that pydantic knows: models, dataclasses, dates, sets and the like.

    Tuples come back as lists, and the keys of dicts as texts.

    Args:
        jsonlib: What files written for Prefect name here; it is the same JSON, whatever writes it.
    """

    def __init__(self, jsonlib: str = "json") -> None:
        self.jsonlib = jsonlib

    def dumps(self, value: Any) -> bytes:
        """Write a value as JSON.

        Raises:
            TypeError: There is a value of another type in it, or a dict that would be read as one.
        """
        typed = 0

        def to_typed(found: Any) -> dict[str, Any]:
            nonlocal typed
            typed += 1
            return _to_typed(found)

        text = json.dumps(value, default=to_typed, ensure_ascii=False, separators=(",", ":"))
        # Reading makes a value of the type that such a dict names: data from elsewhere is not to name one.
        if text.count(f'"{_TYPE}":') != typed and _typed_in(text) != typed:
            raise TypeError(f"a dict of {_TYPE!r} and {_VALUE!r} cannot be written as JSON")
        return text.encode()

    def loads(self, content: bytes) -> Any:
        """Read a value from JSON."""
        return json.loads(content, object_hook=_from_typed)


class CompressedSerializer:
    """Another serializer's bytes, compressed.

    Args:
        serializer: The other one, or its name.
        compressionlib: By what: `zlib`, `gzip`, `bz2` or `lzma`. What each of them wrote is read by any.

    Raises:
        ResultError: There is none of this name.
        ValueError: It is another library.
    """

    def __init__(self, serializer: SerializerOption, compressionlib: str = "zlib") -> None:
        if compressionlib not in _COMPRESSORS:
            raise ValueError(f"compressionlib must be one of {', '.join(_COMPRESSORS)}, not {compressionlib!r}")
        self.serializer = find_serializer(serializer) if isinstance(serializer, str) else serializer
        self.compressionlib = compressionlib

    def dumps(self, value: Any) -> bytes:
        """Serialise and compress a value."""
        compressed: bytes = import_module(self.compressionlib).compress(self.serializer.dumps(value))
        return compressed

    def loads(self, content: bytes) -> Any:
        """Expand and read a value."""
        wrote = next(name for name, beginning in _COMPRESSORS.items() if content.startswith(beginning))
        return self.serializer.loads(import_module(wrote).decompress(content))


class CompressedPickleSerializer(CompressedSerializer):
    """Pickles, compressed."""

    def __init__(self) -> None:
        super().__init__(PickleSerializer())


class CompressedJSONSerializer(CompressedSerializer):
    """JSON, compressed."""

    def __init__(self) -> None:
        super().__init__(JSONSerializer())


_OURS = (PickleSerializer(), JSONSerializer(), CompressedPickleSerializer(), CompressedJSONSerializer())
_BUILT_IN: dict[str, Serializer] = dict(zip(SERIALIZERS, _OURS, strict=True))


def open_serializer(serializer: SerializerOption) -> Serializer:
    """Give the serializer of an option: one of ours by its name, or the object itself."""
    return _BUILT_IN[serializer] if isinstance(serializer, str) else serializer


def name_of(serializer: SerializerOption) -> str:
    """Give the name by which `find_serializer` finds it again."""
    if isinstance(serializer, str):
        return serializer
    if type(serializer) is CompressedSerializer:  # it cannot be made without arguments
        return f"{_COMPRESSED}{name_of(serializer.serializer)}"
    return _path_of(type(serializer))


def find_serializer(name: str) -> Serializer:
    """Give the serializer that a stored result was written with.

    Args:
        name: One of ours, or `package.module:Class`, which is made without arguments; either after `compressed/`.

    Raises:
        ResultError: It is not there.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if name.startswith(_COMPRESSED):
        return CompressedSerializer(name.removeprefix(_COMPRESSED))
    try:
        found: Serializer = _find(name)()
    except Exception as error:
        raise ResultError(f"the serializer {name!r} cannot be made here: {type(error).__name__}: {error}") from error
    return found


def _path_of(cls: type[Any]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _find(path: str) -> Any:
    module, _, names = path.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


_COMPRESSED = "compressed/"
_TYPE, _VALUE = "__type__", "value"


def _to_typed(value: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    cls = type(value)
    try:
        return {_TYPE: _path_of(cls), _VALUE: TypeAdapter(cls).dump_python(value, mode="json")}
    except PydanticUserError:
        raise TypeError(f"a {cls.__module__}.{cls.__qualname__} cannot be written as JSON") from None


def _is_typed(read: dict[str, Any]) -> bool:
    return read.keys() == {_TYPE, _VALUE}


def _typed_in(text: str) -> int:
    seen: list[bool] = []
    json.loads(text, object_hook=lambda read: seen.append(_is_typed(read)))
    return sum(seen)


def _from_typed(read: dict[str, Any]) -> Any:
    if not _is_typed(read):
        return read
    from pydantic import TypeAdapter

    cls = _find(read[_TYPE])
    if not isinstance(cls, type):  # pydantic would call a function
        raise TypeError(f"{read[_TYPE]!r} is no class")
    return TypeAdapter(cls).validate_python(read[_VALUE])
