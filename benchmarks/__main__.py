"""Run the benchmarks: a table on the screen, and JSON with every sample under `benchmarks/results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure
from benchmarks.rows import ROWS

RESULTS = Path(__file__).with_name("results")
FACTS_OF = ("alisio", "pydantic", "sqlalchemy", "uvicorn", "aws-lambda-powertools")


def main() -> int:
    """Measure the rows that were asked for; return 1 where a budget was missed."""
    console = Console()
    figures: list[Figure] = []
    for row in [row for row in ROWS if row.name in _asked_for()]:
        with console.status(f"{row.name} …"):
            figures += row.measure()
    console.print(_table(figures))
    console.print(f"Every sample: {_save(figures).relative_to(Path.cwd())}")
    return 1 if any(figure.within_budget is False for figure in figures) else 0


def _asked_for() -> set[str]:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default=",".join(names), help=f"some of: {', '.join(names)}")
    asked = set(parser.parse_args().rows.split(","))
    unknown = sorted(asked - set(names))
    if unknown:
        parser.error(f"unknown rows: {', '.join(unknown)}; there are {', '.join(names)}")
    return asked


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "median", "least", "most", "budget", "kept", title="Alisio, on this machine")
    for figure in figures:
        budget = "" if figure.budget is None else f"{figure.budget:g}"
        kept = {None: "", True: "yes", False: "NO"}[figure.within_budget]
        numbers = [f"{number:.4g}" for number in (figure.median, min(figure.samples), max(figure.samples))]
        table.add_row(f"{figure.label} [{figure.unit}]".replace("[", r"\["), *numbers, budget, kept)
    return table


def _save(figures: list[Figure]) -> Path:
    now = datetime.now(UTC)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"taken": now.isoformat(), **_machine(), "figures": _samples(figures)}, indent=1))
    return path


def _machine() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "python": sys.version.split()[0],
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in FACTS_OF},
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _samples(figures: list[Figure]) -> list[dict[str, Any]]:
    return [
        {
            "figure": figure.label,
            "unit": figure.unit,
            "median": figure.median,
            "budget": figure.budget,
            "samples": [round(sample, 6) for sample in figure.samples],
        }
        for figure in figures
    ]


if __name__ == "__main__":
    sys.exit(main())
