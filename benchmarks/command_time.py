"""How long whole commands take, from outside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence

RUNS = 9


def clean_environment() -> dict[str, str]:
    """Give our environment without what would change the figures: settings of Alisio, and a ban on compiled files.

    An installed package comes with its modules compiled; ours are compiled by the warm-up.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


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
        environment: Its environment; None: `clean_environment()`.
        runs: Counted runs.
        warm_ups: Runs before them that are not counted.

    Returns:
        Wall seconds of each counted run.

    Raises:
        subprocess.CalledProcessError: The command failed: a time would mean nothing.
    """
    samples = []
    environment = clean_environment() if environment is None else environment
    for _ in range(warm_ups + runs):
        begun = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples.append(time.perf_counter() - begun)
    return samples[warm_ups:]
