"""What runs of the benchmarks measured, as JSON with every sample.

A run of all rows is a result, kept under `results/`; the newest one is what the project's README shows. What a run of
some rows measured goes to `results/partial/`, which git does not keep.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from benchmarks.figure import Figure
from benchmarks.products import PRODUCTS, ROOT, Product

RESULTS = Path(__file__).with_name("results")


class Result(TypedDict):
    """A run of the benchmarks.

    Attributes:
        taken: When it ended, in ISO 8601.
        commit: What was checked out.
        python: Version of the interpreter.
        system: Name and release of the operating system.
        processor: Its model.
        cores: How many of them there are.
        memory_gb: Memory of the machine in GB.
        seconds: How long each row took.
        versions: For each product, the versions of all that is installed with it.
        figures: The figures, with all samples, by row.
    """

    taken: str
    commit: str
    python: str
    system: str
    processor: str
    cores: int | None
    memory_gb: float
    seconds: dict[str, float]
    versions: dict[str, dict[str, str]]
    figures: list[dict[str, Any]]


def save(measured: Mapping[str, Sequence[Figure]], seconds: Mapping[str, float], *, complete: bool) -> Path:
    """Write what a run measured.

    Args:
        measured: The figures of each row.
        seconds: How long each row took.
        complete: Whether all rows were measured.

    Returns:
        The file.
    """
    now = datetime.now(UTC)
    result = Result(
        taken=now.isoformat(timespec="seconds"),
        commit=_commit(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=os.cpu_count(),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        seconds={row: round(elapsed, 1) for row, elapsed in seconds.items()},
        versions={product.name: _versions(product) for product in PRODUCTS},
        figures=[_plain(row, figure) for row, figures in measured.items() for figure in figures],
    )
    path = (RESULTS if complete else RESULTS / "partial") / f"{now:%Y-%m-%dT%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def newest() -> Result:
    """Read the newest result of all rows.

    Raises:
        FileNotFoundError: There is none.
    """
    paths = sorted(RESULTS.glob("*.json"))
    if not paths:
        raise FileNotFoundError(f"no result of all rows under {RESULTS}; `make bench` makes one")
    result: Result = json.loads(paths[-1].read_text())
    return result


def figures_of(result: Result) -> list[Figure]:
    """Give the figures of a result."""
    return [
        Figure(
            entry["figure"],
            entry["unit"],
            entry["samples"],
            budget=entry["budget"],
            higher_is_better=entry["higher_is_better"],
            peers=entry["peers"],
        )
        for entry in result["figures"]
    ]


def _plain(row: str, figure: Figure) -> dict[str, Any]:
    return {
        "row": row,
        "figure": figure.label,
        "unit": figure.unit,
        "budget": figure.budget,
        "higher_is_better": figure.higher_is_better,
        "median": _rounded([figure.median])[0],
        "samples": _rounded(figure.samples),
        "peers": {peer: _rounded(samples) for peer, samples in figure.peers.items()},
    }


def _rounded(samples: Iterable[float]) -> list[float]:
    return [float(f"{sample:.5g}") for sample in samples]


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _versions(product: Product) -> dict[str, str]:
    command = [sys.executable, "-m", "pip", "--python", product.python, "list", "--format", "json"]
    command.append("--disable-pip-version-check")
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {distribution["name"]: distribution["version"] for distribution in listed}
