"""Removing what runs left on disk whose supervisors were killed, or whose host went down."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from alisio_agent.supervisor.places import run_folders, spool_folders

_UNTOUCHED_SECONDS = 3_600.0


def remove_leftovers(home: Path) -> None:
    """Remove the folders of runs that no supervisor holds.

    A supervisor holds a lock on its run's folder. A folder that was changed in the last hour is left alone: its
    supervisor may be about to take the lock.

    Args:
        home: The folder of Alisio on this host.
    """
    for place in (run_folders(home), spool_folders(home)):
        with suppress(FileNotFoundError):
            for folder in place.iterdir():
                if not _is_in_use(run_folders(home) / folder.name, folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_in_use(locked: Path, folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < _UNTOUCHED_SECONDS:
            return True
        fd = os.open(locked, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return locked.exists()
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
