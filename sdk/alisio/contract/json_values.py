"""Values that JSON can say, of a bounded size. Standard library only."""

from __future__ import annotations

import json
from typing import Any


def encoded_json(value: Any, max_bytes: int) -> bytes:
    """Give a value as JSON in UTF-8.

    Args:
        value: Any value.
        max_bytes: How long its JSON may be, in UTF-8.

    Raises:
        ValueError: JSON cannot say it, or not so shortly.
    """
    try:
        content = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"must be something that JSON can say: {error}") from None
    if len(content) > max_bytes:
        size = f"{len(content):,}"
        raise ValueError(f"may have {max_bytes:,} bytes as JSON, not {size}: store what is larger, and say where")
    return content


def checked_json(value: Any, max_bytes: int) -> Any:
    """Give a value as JSON gives it back: tuples as lists, keys as texts.

    Args:
        value: Any value.
        max_bytes: How long its JSON may be, in UTF-8.

    Raises:
        ValueError: JSON cannot say it, or not so shortly.
    """
    return json.loads(encoded_json(value, max_bytes))
