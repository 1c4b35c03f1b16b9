"""Rows that wait on disk while the API is away."""

from __future__ import annotations

from collections import deque
from pathlib import Path

Row = tuple[str, bytes]
"""A kind (`facts`, or one of the lists of a frame), and one JSON value on one line."""


class Spool:
    """A queue of batches of rows, one file each. The folder is made when the first one is written.

    Args:
        folder: Where the files go; nobody else uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: deque[tuple[Path, int]] = deque()
        self._count = 0
        self.size = 0
        """Bytes on disk."""

    def __len__(self) -> int:
        return len(self._files)

    def append(self, rows: list[Row]) -> None:
        """Write a batch, whole or not at all.

        Raises:
            OSError: The disk is full, or cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._count:08}"
        content = b"".join(b"%s\t%s\n" % (kind.encode(), body) for kind, body in rows)
        try:
            path.write_bytes(content)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._count += 1
        self._files.append((path, len(content)))
        self.size += len(content)

    def pop(self) -> list[Row]:
        """Take the oldest batch.

        Raises:
            OSError: It cannot be read.
        """
        path, size = self._files.popleft()
        self.size -= size
        content = path.read_bytes()
        path.unlink(missing_ok=True)
        rows = []
        for line in content.split(b"\n")[:-1]:
            kind, _, body = line.partition(b"\t")
            rows.append((kind.decode(), body))
        return rows

    def remove(self) -> None:
        """Remove what is left, and the folder."""
        while self._files:
            self._files.popleft()[0].unlink(missing_ok=True)
        self.size = 0
        if self._folder.is_dir():
            self._folder.rmdir()
