"""Exceptions on their way between processes: with their causes, and a traceback that reads as it would have there."""

from __future__ import annotations

import functools
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from alisio.engine.remote.transfer import pack, unpack
from alisio.engine.rules import describe
from alisio.exceptions import FailedRunError

MAX_CHAIN = 10
MAX_FRAMES = 200
_ENGINE = str(Path(__file__).resolve().parents[1])


class Sent(NamedTuple):
    """An exception that travels.

    Attributes:
        content: The exception itself, as bytes.
        frames: File, line and function of each call that it went through, the outermost first.
        cause: What it was raised from.
        context: What was being handled when it was raised.
        silent: Whether the context is not to be shown.
    """

    content: bytes
    frames: list[tuple[str, int, str]]
    cause: Sent | None
    context: Sent | None
    silent: bool


def sent(error: BaseException, depth: int = 0) -> Sent:
    """Make an exception fit to travel, whatever it holds.

    What it holds that cannot travel is left out; where its class cannot, a `FailedRunError` with its words takes its
    place. The engine's own calls are left out of the traceback.
    """
    further = depth < MAX_CHAIN
    return Sent(
        _content(error),
        _frames(error.__traceback__),
        sent(error.__cause__, depth + 1) if error.__cause__ is not None and further else None,
        sent(error.__context__, depth + 1) if error.__context__ is not None and further else None,
        error.__suppress_context__,
    )


def received(what: Sent) -> BaseException:
    """Make the exception that has travelled."""
    error: BaseException = unpack(what.content)
    error.__cause__ = None if what.cause is None else received(what.cause)
    error.__context__ = None if what.context is None else received(what.context)
    error.__suppress_context__ = what.silent
    return error.with_traceback(_traceback(what.frames))


def _content(error: BaseException) -> bytes:
    for form in (error, _Parts(error)):
        with suppress(Exception):
            content = pack(form)
            if type(unpack(content)) is type(error):
                return content
    return pack(FailedRunError(describe(error)))


class _Parts:
    """Pickles an exception by its parts: many cannot be made again by calling their class with `args`."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        error = self.error
        args = tuple(arg if _travels(arg) else repr(arg) for arg in error.args)
        return _from_parts, (type(error), args, {k: v for k, v in vars(error).items() if _travels(v)})


def _travels(value: Any) -> bool:
    try:
        unpack(pack(value))
    except Exception:
        return False
    return True


def _from_parts(cls: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    vars(error).update(attributes)
    return error


def _frames(link: TracebackType | None) -> list[tuple[str, int, str]]:
    walked = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in traceback.walk_tb(link)]
    while walked and walked[0][0].startswith(_ENGINE):
        del walked[0]
    return walked[:MAX_FRAMES]


def _traceback(frames: list[tuple[str, int, str]]) -> TracebackType | None:
    link = None
    for filename, line, name in reversed(frames):
        # The instruction is unknown: -1 has the line printed without marks below it.
        link = TracebackType(link, _frame(filename, name), -1, line)
    return link


class _HereError(Exception):
    """Raised in a frame of a given name, to have the frame."""


@functools.lru_cache(maxsize=256)
def _frame(filename: str, name: str) -> FrameType:
    code = compile("raise _HereError", filename, "exec").replace(co_name=name, co_qualname=name)
    try:
        exec(code, {"_HereError": _HereError})
    except _HereError as error:
        link = error.__traceback__
        while link is not None and link.tb_next is not None:
            link = link.tb_next
        if link is None:
            raise
        return link.tb_frame
    raise AssertionError("the code above always raises")
