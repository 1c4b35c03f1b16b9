"""A store of results in memory."""

from __future__ import annotations


class Shelf:
    """Keeps results in a dict; `broken` keys cannot be written."""

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        self.content: dict[str, bytes] = {}
        self.broken = broken

    def exists(self, key: str) -> bool:
        return key in self.content

    def read(self, key: str) -> bytes:
        return self.content[key]

    def write(self, key: str, content: bytes) -> None:
        if key in self.broken:
            raise OSError(28, "No space left on device")
        self.content[key] = content

    def remove(self, key: str) -> None:
        self.content.pop(key, None)
