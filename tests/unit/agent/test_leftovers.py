"""What is removed of runs whose supervisors are gone."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from alisio_agent.runners.leftovers import remove_leftovers


def make(home: Path, kind: str, name: str, *, old: bool = True) -> Path:
    """Make a run's folder."""
    folder = home / kind / name
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    if old:
        os.utime(folder, (0, 0))
    return folder


def test_leftovers(tmp_path: Path) -> None:
    """Old folders that nobody holds go, with their spools; those of live supervisors and young ones stay."""
    gone = [make(tmp_path, "runs", "dead-1"), make(tmp_path, "spool", "dead-1"), make(tmp_path, "spool", "alone-1")]
    held, spooled = make(tmp_path, "runs", "live-1"), make(tmp_path, "spool", "live-1")
    young = make(tmp_path, "runs", "young-1", old=False)
    fd = os.open(held, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    remove_leftovers(tmp_path)
    os.close(fd)
    assert [False] * 3 == [folder.exists() for folder in gone]
    assert [True] * 3 == [folder.exists() for folder in (held, spooled, young)]


def test_nothing_there(tmp_path: Path) -> None:
    """A home without runs is no problem."""
    remove_leftovers(tmp_path)
