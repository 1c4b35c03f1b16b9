"""Writing files so that nobody ever reads half of one. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file whole or not at all: until it is complete, what was there before stays.

    Args:
        path: The file; its folder is there already.
        text: What it is to hold, written as UTF-8.
        private: Whether nobody but its owner may read it.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.touch(0o600 if private else 0o666)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
