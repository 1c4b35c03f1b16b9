"""What `pip install alisio` adds to an empty environment, beside `pip install prefect`.

Once each: installing is not a thing that varies. Every version is one that the repository pins. Prefect is looked at
where `make bench` has installed it.
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


# What a new environment brings along: it is not the product's.
TOOLS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")


class Installed(NamedTuple):
    """What one installation came to.

    Attributes:
        megabytes: Size of all its files, compiled modules with them, in 10⁶ bytes.
        distributions: How many were installed.
    """

    megabytes: float
    distributions: int


def _installed(folder: Path) -> Installed:
    """Look at what an environment holds besides Python and its tools."""
    (packages,) = folder.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if not path.relative_to(packages).parts[0].startswith(TOOLS)]
    return Installed(
        sum(path.lstat().st_size for path in files) / 1e6, sum(path.suffix == ".dist-info" for path in files)
    )


def _install(folder: Path) -> float:
    """Install this repository's wheel into a new environment; give the seconds that pip took."""
    subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("alisio-*.whl")
    venv.create(folder / "ours")
    python = str(folder / "ours" / "bin" / "python")
    command = [*PIP, "--python", python, "install", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def _measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as name:
        seconds = _install(Path(name))
        ours = _installed(Path(name) / "ours")
    theirs = _installed(ROOT / PREFECT.folder)
    for label, unit, budget, index in (("size", "MB", 90.0, 0), ("distributions", "count", 40.0, 1)):
        yield Figure(f"pip install: {label}", unit, [ours[index]], budget=budget, peers={PREFECT.name: [theirs[index]]})
    yield Figure("pip install: time", "s", [seconds])


ROW = Row("install", _measure)
