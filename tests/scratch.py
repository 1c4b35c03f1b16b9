"""Where tests put their files: in memory, where the machine lends enough of it.

They make thousands of small databases. What is promised of a disk is the kernel's to keep: no test can cut the power.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")
_NEEDED = 4_000_000_000
"""Bytes that must be free there: containers often lend 64 MB."""


def use_memory() -> None:
    """Have this process and those that it starts make temporary files in memory, unless `TMPDIR` says where."""
    if "TMPDIR" not in os.environ and _is_fit(_IN_MEMORY):
        os.environ["TMPDIR"] = str(_IN_MEMORY)
        tempfile.tempdir = None


def _is_fit(folder: Path) -> bool:
    """Tell whether a folder has room, may be written, and lets programs that lie there be run."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize > _NEEDED and not found.f_flag & os.ST_NOEXEC
