"""Run the benchmarks: a table on the screen, and JSON with every sample under `benchmarks/results/`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.figure import Figure, Row
from benchmarks.numbers import short
from benchmarks.products import ALISIO, DBOS, PREFECT, PRODUCTS, ROOT
from benchmarks.results import save
from benchmarks.rows import ROWS
from benchmarks.table import kept


def main() -> int:
    """Measure the rows that were asked for; return 1 where a budget was missed or a row failed."""
    rows = _asked_for()
    console = Console()
    measured: dict[str, list[Figure]] = {}
    seconds: dict[str, float] = {}
    failures: dict[str, str] = {}
    for row in rows:
        console.print(f"{row.name} …", end=" ")
        begun = time.monotonic()
        measured[row.name] = []
        failure = _measure(row, measured[row.name])
        seconds[row.name] = time.monotonic() - begun
        console.print(f"{seconds[row.name]:.0f} s{'' if failure is None else ', failed'}")
        if failure is not None:
            failures[row.name] = failure
    return _tell(console, measured, seconds, failures)


def _asked_for() -> Sequence[Row]:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default=",".join(names), help=f"some of: {', '.join(names)}")
    asked = parser.parse_args().rows.split(",")
    unknown = sorted(set(asked) - set(names))
    if unknown:
        parser.error(f"unknown rows: {', '.join(unknown)}; there are {', '.join(names)}")
    missing = [product.label for product in PRODUCTS if not Path(product.python).exists()]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}; `make bench` installs what is measured")
    return [row for row in ROWS if row.name in asked]


def _measure(row: Row, figures: list[Figure]) -> str | None:
    """Add a row's figures, and say in a line what stopped it, if anything did: the other rows go on."""
    try:
        for figure in row.measure():
            figures.append(figure)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


def _tell(
    console: Console,
    measured: Mapping[str, Sequence[Figure]],
    seconds: Mapping[str, float],
    failures: Mapping[str, str],
) -> int:
    figures = [figure for row in measured.values() for figure in row]
    path = save(measured, seconds, complete=len(measured) == len(ROWS) and not failures)
    console.print(_table(figures))
    console.print(f"{sum(seconds.values()):.0f} s. Every sample: {path.relative_to(ROOT)}")
    for name, failure in failures.items():
        console.print(f"[red]{name} failed:[/red] {escape(failure)}", soft_wrap=True)
    missed = [figure.label for figure in figures if figure.within_budget is False]
    if missed:
        console.print(f"[red]Missed its budget:[/red] {escape('; '.join(missed))}", soft_wrap=True)
    return 1 if missed or failures else 0


def _table(figures: Sequence[Figure]) -> Table:
    table = Table("figure", title="Medians, on this machine")
    for column in (ALISIO.label, "budget", "kept", PREFECT.label, "times better", DBOS.label):
        table.add_column(column, justify="right")
    for figure in figures:
        table.add_row(
            escape(f"{figure.label} [{figure.unit}]"),
            short(figure.median),
            short(figure.budget),
            kept(figure),
            short(figure.peer_median(PREFECT.name)),
            short(figure.ratio(PREFECT.name)),
            short(figure.peer_median(DBOS.name)),
        )
    return table


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing was saved")
