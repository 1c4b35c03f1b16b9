"""What `pip install alisio` adds to an empty environment, beside `pip install prefect`.

Once each: installing is not a thing that varies, but for its time, which depends on where packages come from. Every
version is one that the repository pins.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.figure import Figure, Row
from benchmarks.products import PREFECT, ROOT

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


class Installed(NamedTuple):
    """What one installation came to.

    Attributes:
        megabytes: Size of all its files, compiled modules with them, in 10⁶ bytes.
        distributions: How many were installed.
        seconds: How long pip took.
    """

    megabytes: float
    distributions: int
    seconds: float


def _install(requirement: str, constraints: Path, folder: Path) -> Installed:
    """Install into a new environment that does not even hold pip."""
    venv.create(folder)
    python = folder / "bin" / "python"
    before = _megabytes(folder)
    begun = time.perf_counter()
    command = [*PIP, "--python", str(python), "install", "--constraint", str(constraints), requirement]
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    return Installed(_megabytes(folder) - before, len(list(folder.glob("lib/**/*.dist-info"))), seconds)


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def _measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as name:
        folder = Path(name)
        subprocess.run(
            [*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True
        )
        (wheel,) = folder.glob("alisio-*.whl")
        ours = _install(str(wheel), ROOT / "constraints.txt", folder / "ours")
        theirs = _install("prefect", ROOT / "benchmarks" / "constraints-prefect.txt", folder / "theirs")
    for label, unit, budget, index in (
        ("pip install: size", "MB", 90.0, 0),
        ("pip install: distributions", "count", 40.0, 1),
        ("pip install: time", "s", None, 2),
    ):
        yield Figure(label, unit, [ours[index]], budget=budget, peers={PREFECT.name: [theirs[index]]})


ROW = Row("install", _measure)
