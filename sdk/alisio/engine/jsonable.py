"""Making any value fit for JSON and for the database, within bounds: parameters are shown, not run again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

MAX_TEXT = 10_000
MAX_TOTAL_TEXT = 200_000
MAX_VALUES = 5_000
MAX_DEPTH = 20


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Make text that can be stored: cut to length, without NUL (PostgreSQL refuses it) and lone surrogates.

    Args:
        text: Any text.
        limit: How many characters at most.

    Returns:
        The text, unchanged where it can be.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if "\x00" in text:
        text = text.replace("\x00", "\N{SYMBOL FOR NULL}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def to_jsonable(value: Any) -> Any:
    """Turn a value into what JSON can say.

    Numbers, text, lists and mappings stay as they are; dates, ids, paths, enums, dataclasses and pydantic models
    become what people write for them; of anything else only the type is told. At most 5,000 values, texts of
    10,000 characters (200,000 together) and 20 levels are kept; the places where something is left out say so.

    Args:
        value: Any value; it is not changed, and none of its own code is called but a model's `model_dump`.

    Returns:
        A value of `dict`, `list`, `str`, `int`, `float`, `bool` and `None`.
    """
    return _Converter().convert(value, 0)


class _Converter:
    """Counts what it has converted."""

    def __init__(self) -> None:
        self._left = MAX_VALUES
        self._room = MAX_TOTAL_TEXT

    def convert(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.convert(value.value, depth)
        if isinstance(value, str):
            return self._shortened(value)
        if isinstance(value, int):
            return value if value.bit_length() < 64 else hex(value)[:MAX_TEXT]
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, UUID | PurePath | timedelta | Decimal):
            return self._shortened(str(value))
        return self._convert_container(value, depth)

    def _shortened(self, text: str) -> str:
        text = clean_text(text, max(min(MAX_TEXT, self._room), 1))
        self._room -= len(text)
        return text

    def _convert_container(self, value: Any, depth: int) -> Any:
        if depth >= MAX_DEPTH or self._left <= 0:
            return _described(value)
        if isinstance(value, Mapping):
            return self._convert_items(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._convert_elements(value, depth)
        if isinstance(value, type):
            return _described(value)
        if hasattr(value, "__dataclass_fields__"):
            fields = {name: getattr(value, name, None) for name in value.__dataclass_fields__}
            return self._convert_items(fields, depth)
        if hasattr(type(value), "__pydantic_serializer__"):
            try:
                return self._convert_items(value.model_dump(), depth)
            except Exception:
                return _described(value)
        return _described(value)

    def _convert_items(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for key, item in value.items():
            if self._left <= 0:
                items["…"] = f"{len(value) - len(items)} more"
                break
            name = key if isinstance(key, str) else str(self.convert(key, depth + 1))
            items[clean_text(name, 500)] = self.convert(item, depth + 1)
        return items

    def _convert_elements(self, value: Any, depth: int) -> list[Any]:
        elements: list[Any] = []
        for element in value:
            if self._left <= 0:
                elements.append(f"… {len(value) - len(elements)} more")
                break
            elements.append(self.convert(element, depth + 1))
        return elements


def _described(value: Any) -> str:
    kind = value if isinstance(value, type) else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
