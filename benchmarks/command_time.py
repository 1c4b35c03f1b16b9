"""How long whole commands take, from outside."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from benchmarks.processes import output_of


def wall_seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Time a command as a process, once.

    Args:
        command: Program and arguments.
        environment: Its environment.

    Returns:
        Wall seconds from its start to its end.

    Raises:
        RuntimeError: The command failed: a time would mean nothing.
    """
    begun = time.perf_counter()
    output_of(command, environment)
    return time.perf_counter() - begun
