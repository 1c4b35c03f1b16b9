"""Values as bytes for another process, by cloudpickle; and, of a value that cannot travel, which part of it it is.

What lies in the flow's own file travels by value: workers need not have that file, and run nothing of it. Anything else
travels by its name, tasks and flows and their functions too: workers import it.
"""

from __future__ import annotations

import inspect
import io
import marshal
import pickle
import sys
from collections.abc import Iterator
from importlib import import_module
from types import CodeType, FunctionType, MethodType
from typing import Any

import cloudpickle

from alisio.engine.definition import Definition
from alisio.engine.entrypoints import is_entrypoint
from alisio.engine.rules import describe
from alisio.exceptions import TransferError

MAX_PARTS = 1_000
"""How many parts of a value are tried one by one, on each level, to find the one that cannot travel."""

MAX_DEPTH = 10
_SHORT = 60


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it is not typed
    """Pickles as cloudpickle does, but what a decorator has replaced in its module by its name there.

    Code keeps the name of its file, which cloudpickle drops: tracebacks are read by people.
    """

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, CodeType):
            return marshal.loads, (marshal.dumps(value),)
        if isinstance(value, BaseException):
            return value.__reduce__()  # where Dask is, others have changed what pickle does with exceptions
        place = _place_of(value)
        return super().reducer_override(value) if place is None else (_found, place)


def pack(value: Any) -> bytes:
    """Turn a value into bytes.

    Raises:
        Exception: Something in it cannot travel.
    """
    with io.BytesIO() as file:
        _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        return file.getvalue()


def unpack(content: bytes) -> Any:
    """Turn these bytes into an equal value; this executes what they say."""
    return pickle.loads(content)


def send_own_file_by_value() -> None:
    """Have cloudpickle take the files that flows were loaded from as it takes `__main__`."""
    for name, module in list(sys.modules.items()):
        if is_entrypoint(module) and name not in cloudpickle.list_registry_pickle_by_value():
            cloudpickle.register_pickle_by_value(module)


def explained(error: Exception, what: str, value: Any, name: str) -> TransferError:
    """Say why a value cannot travel.

    Args:
        error: What went wrong.
        what: What it is, in words.
        value: The value.
        name: What the path to the part at fault begins with.

    Returns:
        The error, in one line: `argument 'data' … cannot travel between processes: data['log'] is a _thread.lock …`.
    """
    path, part = _culprit(value, name)
    found = type(part).__qualname__ if isinstance(part, FunctionType | type) else _type_name(part)
    where = f"{path} is a {found} ({describe(error)})"
    return TransferError(f"{what} cannot travel between processes: {where}")


def _type_name(value: Any) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _culprit(value: Any, path: str, depth: int = 0) -> tuple[str, Any]:
    if depth < MAX_DEPTH:
        for count, (name, part) in enumerate(_parts_of(value)):
            if count >= MAX_PARTS:
                break
            if not _travels(part):
                return _culprit(part, path + name, depth + 1)
    return path, value


def _travels(value: Any) -> bool:
    try:
        pack(value)
    except Exception:
        return False
    return True


def _parts_of(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f"[{repr(key)[:_SHORT]}]", part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return ((f"[{index}]", part) for index, part in enumerate(value))
    if isinstance(value, set | frozenset):
        return ((f"{{{repr(part)[:_SHORT]}}}", part) for part in value)
    if isinstance(value, MethodType):
        return iter(((".__self__", value.__self__), ("", value.__func__)))
    if isinstance(value, FunctionType):
        used = inspect.getclosurevars(value)
        return ((f" uses {name}, and {name}", part) for name, part in {**used.globals, **used.nonlocals}.items())
    attributes = {} if isinstance(value, type) else getattr(value, "__dict__", {})
    return ((f".{name}", part) for name, part in attributes.items())


def _place_of(value: Any) -> tuple[str, str, bool] | None:
    """Tell under what name workers find a task, a flow, or the function of one; None: it is to be told in full."""
    if not isinstance(value, Definition | FunctionType):
        return None
    function = value.fn if isinstance(value, Definition) else value
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not isinstance(module, str) or module == "__main__" or module in cloudpickle.list_registry_pickle_by_value():
        return None
    there: Any = sys.modules.get(module)
    for part in name.split("."):
        there = getattr(there, part, None)
    if not isinstance(there, Definition):
        return None
    if there is value:
        return module, name, False
    return (module, name, True) if there.fn is value else None


def _found(module: str, name: str, function: bool) -> Any:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found.fn if function else found
