"""Values that JSON can say, of a bounded size. Standard library only."""

from __future__ import annotations

import json
from typing import Any


def checked_json(value: Any, max_bytes: int) -> Any:
    """Give a value as JSON gives it back: tuples as lists, keys as texts.

    Args:
        value: Any value.
        max_bytes: How long its JSON may be, in UTF-8.

    Raises:
        ValueError: JSON cannot say it, or not so shortly.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"must be something that JSON can say: {error}") from None
    if size > max_bytes:
        raise ValueError(f"may have {max_bytes:,} bytes as JSON, not {size:,}: store what is larger, and say where")
    return json.loads(text)
