"""Turning what people put into tables and metadata into what JSON can say, without leaving anything out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Any


def to_plain(value: Any) -> Any:
    """Make a value of `dict`, `list`, `str`, `int`, `float`, `bool` and `None`.

    Numbers that JSON has no word for (NaN, infinities) become None; dates ISO 8601; numbers of numpy those of Python;
    of what is unknown, what `str` makes of it.

    Args:
        value: Any value; it is not changed.

    Raises:
        ValueError: It is nested too deeply, or holds itself.
    """
    try:
        return _converted(value)
    except RecursionError:
        raise ValueError("it is nested too deeply, or holds itself") from None


def _converted(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _converted(value.value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_text(str(key)): _converted(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_converted(item) for item in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _converted(value.tolist())
    return _text(str(value))


def _text(text: str) -> str:
    """Give a text without halves of surrogate pairs, which are no characters and cannot be sent."""
    return str(text) if text.isascii() else text.encode("utf-8", "replace").decode()
