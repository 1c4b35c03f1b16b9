"""How long whole commands take, from outside."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence

RUNS = 9


def wall_seconds(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    runs: int = RUNS,
    warm_ups: int = 1,
) -> list[float]:
    """Time a command as a process.

    Args:
        command: Program and arguments.
        environment: Its environment; None: ours.
        runs: Counted runs.
        warm_ups: Runs before them that are not counted.

    Returns:
        Wall seconds of each counted run.

    Raises:
        subprocess.CalledProcessError: The command failed: a time would mean nothing.
    """
    samples = []
    for _ in range(warm_ups + runs):
        begun = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples.append(time.perf_counter() - begun)
    return samples[warm_ups:]
