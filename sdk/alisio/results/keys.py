"""The keys that results are stored under, as stores take them."""

from __future__ import annotations

from alisio.exceptions import ResultError


def checked_key(key: str, place: object) -> str:
    """Refuse a key that leads out of its store.

    Args:
        key: Names with `/` between them.
        place: The store, for the error.

    Returns:
        The same key.

    Raises:
        ResultError: It is empty, begins with `/`, or has `.` or `..` among its names.
    """
    if not isinstance(key, str) or not key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ResultError(f"the key {key!r} names no file within {place}: write one without '/' before it or '..'")
    return key
