"""The code of the API's function, as Lambda gets it: its size, and how long it takes to import."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.figure import Figure, Row
from benchmarks.interleaved import interleaved
from benchmarks.processes import output_of
from benchmarks.products import ROOT
from cdk.assets import build_functions

# It has boto3, as Lambda's runtime has, and nothing of ours.
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"
MEGABYTES, SECONDS = 60.0, 0.5
_IMPORT = "import time; begun = time.perf_counter(); import handlers.api; print(time.perf_counter() - begun)"
_COMPILED = "*.pyc"


def _measure() -> Iterator[Figure]:
    deployed, runnable = build_functions("arm64").folder, build_functions("host").folder
    # Where Python 3.13 deploys, modules are compiled for ARM too, and are as large as those for this machine.
    compiled = _megabytes(runnable, _COMPILED)
    size = _megabytes(deployed, "*") - _megabytes(deployed, _COMPILED) + compiled
    yield Figure("API function for ARM, unzipped, with compiled modules", "MB", [size], budget=MEGABYTES)
    with tempfile.TemporaryDirectory(prefix="alisio-bench-") as folder:
        bare = Path(folder) / "functions"
        shutil.copytree(runnable, bare, ignore=shutil.ignore_patterns(_COMPILED))
        # One that is not compiled takes seconds, and has no budget.
        importing = {code: partial(_import_seconds, code) for code in (runnable, bare)}
        samples = interleaved(importing, fewer={bare: 3})
    yield Figure("API function: import of handlers.api", "s", samples[runnable], budget=SECONDS)
    yield Figure("API function: import, deployed by another Python (not compiled)", "s", samples[bare])


def _megabytes(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file()) / 1e6


def _import_seconds(code: Path) -> float:
    """Import it in a new process that, as on Lambda, can write no compiled modules."""
    environment = {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
    return float(output_of([str(PYTHON), "-c", _IMPORT], environment))


ROW = Row("function", _measure)
