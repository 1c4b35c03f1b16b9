"""Writing files so that nobody ever reads half of one. Standard library only."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file whole or not at all: until it is complete, what was there before stays.

    Args:
        path: The file; its folder is there already.
        content: What it is to hold; a text is written as UTF-8.
        private: Whether nobody but its owner may read it.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        draft.touch(0o600 if private else 0o666)
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
