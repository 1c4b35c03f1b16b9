"""Tracebacks of user code, without the frames of the engine that has called it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

import alisio
from alisio.exceptions import AlisioError

_OURS = os.path.dirname(os.path.abspath(alisio.__file__)) + os.sep  # noqa: PTH100, PTH120


def without_engine(error: BaseException) -> None:
    """Take the engine's frames out of an exception's traceback, and of those that led to it.

    Where no other frame would be left, or where the engine itself has failed, all stay.

    Args:
        error: The exception; its `__traceback__` is changed.
    """
    for each in _chain(error):
        each.__traceback__ = _filtered(each, each.__traceback__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += (each.__cause__, each.__context__)


def _filtered(error: BaseException, traceback: TracebackType | None) -> TracebackType | None:
    entries = []
    entry = traceback
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    kept = [each for each in entries if not _is_ours(each)]
    if not kept or (_is_ours(entries[-1]) and not isinstance(error, AlisioError)):
        return traceback
    for each, following in zip(kept, [*kept[1:], None], strict=True):
        each.tb_next = following
    return kept[0]


def _is_ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_OURS)
