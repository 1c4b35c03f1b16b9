"""Loading a flow from `path/to/file.py:function` or `package.module:function`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alisio.exceptions import AlisioError, EntrypointError

if TYPE_CHECKING:
    from alisio.flows import Flow

_OURS = "__alisio_entrypoint__"
_loading: set[int] = set()
"""The threads in which a flow's file is being loaded now."""


def is_loading() -> bool:
    """Tell whether the code that asks is a flow's file that is only being loaded, not run."""
    return bool(_loading) and threading.get_ident() in _loading


@contextmanager
def only_loading() -> Iterator[None]:
    """Have flows that are called at the level of modules run nothing, while this thread imports their files."""
    thread = threading.get_ident()
    _loading.add(thread)
    try:
        yield
    finally:
        _loading.discard(thread)


def is_entrypoint(module: ModuleType) -> bool:
    """Tell whether a module is a flow's own file, loaded here from its path."""
    return hasattr(module, _OURS)


def load_flow(entrypoint: str, base: Path) -> Flow[Any, Any]:
    """Load a flow.

    The file's folder and `base` become places to import from. Calls of flows at the level of the module run
    nothing meanwhile.

    Args:
        entrypoint: `path/to/file.py:function`, relative to `base`, or `package.module:function`.
        base: The project's folder.

    Returns:
        The flow.

    Raises:
        EntrypointError: It cannot be loaded. The text is one line; the cause is the code's own exception.
    """
    where, separator, name = entrypoint.rpartition(":")
    if not separator or not where or not name:
        raise EntrypointError(f"{entrypoint!r} is no entrypoint: write path/to/file.py:function")
    module = load_module(where, base)
    return _flow_in(module, where, name)


def load_module(where: str, base: Path) -> ModuleType:
    """Load a module of the user's; flows that it calls at its level run nothing meanwhile.

    Args:
        where: `path/to/file.py`, relative to `base`, or `package.module`.
        base: The project's folder; it and the file's own become places to import from.

    Raises:
        EntrypointError: It cannot be loaded. The text is one line; the cause is the code's own exception.
    """
    base = base.absolute()
    is_file = where.endswith(".py")
    path = base / where
    if is_file and not path.is_file():
        raise EntrypointError(f"there is no file {where} in {base}")
    _importable_from(base, path.parent if is_file else base)
    with _loading_code(where, path if is_file else None):
        return _load_file(path) if is_file else importlib.import_module(where)


def _flow_in(module: ModuleType, where: str, name: str) -> Flow[Any, Any]:
    from alisio.flows import Flow

    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Flow):
        return found
    if found is not None:
        raise EntrypointError(f"{name!r} in {where} is not a flow: put @flow above it")
    flows = sorted(key for key, value in vars(module).items() if isinstance(value, Flow))
    there = f"its flows are {', '.join(flows)}" if flows else "it has no flows"
    raise EntrypointError(f"there is no {name!r} in {where}: {there}")


def _importable_from(*folders: Path) -> None:
    for folder in reversed(folders):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def _load_file(path: Path) -> ModuleType:
    name = path.stem
    existing = sys.modules.get(name)
    if not name.isidentifier() or name in sys.stdlib_module_names or (existing and not hasattr(existing, _OURS)):
        name = f"alisio_flow_{''.join(letter if letter.isalnum() else '_' for letter in path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be loaded as Python code")
    module = importlib.util.module_from_spec(spec)
    setattr(module, _OURS, True)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _loading_code(where: str, path: Path | None) -> Iterator[None]:
    """Make one line of whatever the user's code does wrong while it is loaded."""
    thread = threading.get_ident()
    _loading.add(thread)
    try:
        yield
    except SyntaxError as error:
        place = Path(error.filename).name if error.filename else where
        place = f"{place} line {error.lineno}" if error.lineno else place
        raise EntrypointError(f"{type(error).__name__} in {place}: {error.msg}") from error
    except SystemExit as error:
        raise EntrypointError(f"{where} exited with {error.code!r} while it was loaded") from error
    except ModuleNotFoundError as error:
        if path is None and error.name is not None and (where == error.name or where.startswith(f"{error.name}.")):
            raise EntrypointError(f"there is no module {where!r} to load") from error
        raise EntrypointError(_one_line(error, where, path)) from error
    except AlisioError as error:
        raise EntrypointError(f"{where}: {error}") from error
    except Exception as error:
        raise EntrypointError(_one_line(error, where, path)) from error
    finally:
        _loading.discard(thread)


def _one_line(error: Exception, where: str, path: Path | None) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if path is not None and Path(frame.filename) == path]
    place = f"{where} line {lines[-1]}" if lines else where
    text = " ".join(str(error).split())
    return f"{type(error).__name__} in {place}: {text}" if text else f"{type(error).__name__} in {place}"
