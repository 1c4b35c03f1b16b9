"""The types of values that are sent to runs, and what they are called."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError


def type_of(value: Any) -> Any:
    """Tell the type of a value; of a collection whose elements are all of one type, with that."""
    if isinstance(value, dict) and value:
        keys, values = {type(key) for key in value}, {type(each) for each in value.values()}
        return dict[keys.pop(), values.pop()] if len(keys) == len(values) == 1 else dict  # type: ignore[misc]
    if isinstance(value, list | set | frozenset) and len({type(each) for each in value}) == 1:
        return type(value)[type(next(iter(value)))]  # type: ignore[index]
    return type(value)


def name_of(kind: Any) -> str:
    """Name a type: `list[int]` and `List[int]` are the same."""
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    return re.sub(r"\W+", "_", text.replace("typing.", "").lower()).strip("_")


def json_of(value: BaseModel) -> str:
    """Write an input as JSON.

    Raises:
        ValueError: There is something in it that JSON has not.
    """
    try:
        return value.model_dump_json()
    except PydanticSerializationError as error:
        raise ValueError(f"an input must be something that JSON has: {error}") from None
