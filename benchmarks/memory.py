"""How much memory processes take, by two measures of the kernel's (Linux)."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import psutil

_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Memory:
    """What one process, or several together, take.

    Attributes:
        rss: Megabytes in memory, shared pages counted for each process that has them.
        pss: Megabytes in memory, each shared page divided by the processes that have it: sums are true.
    """

    rss: float
    pss: float


def memory_of(*processes: psutil.Process) -> Memory:
    """Add up what processes take.

    Raises:
        RuntimeError: This system does not tell.
    """
    if sys.platform != "linux":
        raise RuntimeError("memory is measured on Linux only: other systems do not tell what is shared")
    facts = [process.memory_full_info() for process in processes]
    return Memory(sum(fact.rss for fact in facts) / _MEGABYTE, sum(fact.pss for fact in facts) / _MEGABYTE)


def family(pid: int) -> list[psutil.Process]:
    """List a process and all that descend from it."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]
