"""What background tasks keep in the result store: their arguments, and the exceptions that they have failed with."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from alisio.exceptions import MissingResultError, ParameterError
from alisio.results.storage import FolderStorage
from alisio.results.store import ResultStore

if TYPE_CHECKING:
    from alisio.tasks import Task

PREFIX = "background-"
"""How the keys of all that is kept begin, so that the rules of a bucket can remove what is old."""

_FAILURE = "-failure"
_NAMES = re.compile(rf"{PREFIX}[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}({_FAILURE})?")
"""Results that users have given such keys are theirs."""


class Arguments(NamedTuple):
    """What a task is asked for with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    wait_for: tuple[Any, ...]


def store_arguments(task: Task[..., Any], arguments: Arguments) -> str:
    """Store the arguments of a task.

    Returns:
        Their key.

    Raises:
        ParameterError: One of them cannot be pickled; the text names it.
        OSError: The store cannot be written to.
    """
    key = f"{PREFIX}{uuid4()}"
    store = ResultStore()
    try:
        store.write(tuple(arguments), key)
    except Exception as error:
        named = {
            **{repr(name): value for name, value in task.bind(arguments.args, arguments.kwargs).arguments.items()},
            "wait_for": arguments.wait_for,
        }
        for name, value in named.items():
            try:
                store.record_of(key, value)
            except Exception as fault:
                text = " ".join(str(fault).split())
                raise ParameterError(f"argument {name} of task {task.name!r} cannot be stored: {text}") from error
        raise
    return key


def read_arguments(key: str) -> Arguments:
    """Read the arguments that are stored under a key.

    Raises:
        MissingResultError: They are not there.
        ResultError: They are damaged, or cannot be read here.
    """
    try:
        return Arguments(*ResultStore().read(key).result)
    except MissingResultError as error:
        raise MissingResultError(
            f"the arguments of the task, {key}, are not in the result store: they were removed, or who asked has "
            "another store (ALISIO_RESULTS_DEFAULT_STORAGE)"
        ) from error


def store_failure(key: str, error: Exception) -> None:
    """Keep the exception of a task beside its arguments, where it can be pickled."""
    with suppress(Exception):  # its text is in the state of the run
        ResultStore().write(error, _failure_of(key))


def read_failure(key: Any) -> Exception | None:
    """Give the exception that a task with these arguments has failed with; None where it cannot be read."""
    if not isinstance(key, str) or not key.startswith(PREFIX):
        return None
    try:
        error = ResultStore().read(_failure_of(key)).result
    except Exception:  # of whatever class it is: code that is not here, a store that is out of reach
        return None
    return error if isinstance(error, Exception) else None


def forget(key: str) -> None:
    """Remove what is kept of a task that needs it no more; a store of a block, which cannot remove, keeps it."""
    storage: Any = ResultStore().storage
    if hasattr(storage, "remove"):
        storage.remove(key)
        storage.remove(_failure_of(key))


def forget_before(instant: float, kept: Callable[[], Collection[str]]) -> None:
    """Remove what was stored before a time, where the store is a folder.

    Args:
        instant: In seconds since 1970.
        kept: Gives the keys of tasks that still wait or run. It is asked only where something is as old as that.
    """
    storage = ResultStore().storage
    if not isinstance(storage, FolderStorage):
        return
    named = (path for path in storage.folder.glob(f"{PREFIX}*") if _NAMES.fullmatch(path.name))
    if not (old := [path for path in named if _stored(path) < instant]):
        return
    keys = kept()
    for path in old:
        if path.name.removesuffix(_FAILURE) not in keys:
            with suppress(OSError):  # another worker has removed it, or it is somebody else's
                path.unlink()


def _stored(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another worker has removed it
        return inf


def _failure_of(key: str) -> str:
    return f"{key}{_FAILURE}"
