"""Looking at the folders in which results are stored."""

from __future__ import annotations

from pathlib import Path


def files_in(folder: Path) -> list[Path]:
    """Give all files within a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
