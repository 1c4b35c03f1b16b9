"""The newest result as the Markdown table that the project's README shows: `python -m benchmarks.table`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime

from benchmarks.figure import Figure
from benchmarks.numbers import short
from benchmarks.products import DBOS, PREFECT
from benchmarks.results import Result, figures_of, newest

BEGIN, END = "<!-- figures: written by make bench-plots -->\n\n", "\n<!-- /figures -->"
PEERS = (PREFECT, DBOS)


def markdown(result: Result) -> str:
    """Render a result: where and when it was taken, and its figures that have a budget.

    Args:
        result: As `benchmarks.results.newest` reads it.

    Returns:
        A paragraph and a table, with a line's end after each.
    """
    shown = [figure for figure in figures_of(result) if figure.budget is not None]
    header = ("figure", "Alisio", "budget", PREFECT.label, "times better", DBOS.label)
    rows = [header, ("---", *["---:"] * (len(header) - 1)), *(_cells(figure) for figure in shown)]
    return "\n".join([caption(result), "", *(f"| {' | '.join(cells)} |" for cells in rows), ""])


def with_table(page: str, result: Result) -> str:
    """Give a page with its table, which stands between two marks, replaced by that of a result.

    Raises:
        ValueError: The page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no place for the table: the page needs the lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}{markdown(result)}{end}{after}"


def caption(result: Result) -> str:
    """Say in a sentence where and when a result was taken, and with which versions of other products."""
    measured = {peer for figure in figures_of(result) for peer in figure.peers}
    versions = [f"{peer.label} {result['versions'][peer.name][peer.name]}" for peer in PEERS if peer.name in measured]
    parts = [
        f"{result['processor']} with {result['cores']} cores and {result['memory_gb']:g} GB",
        f"Python {result['python']}",
        *versions,
    ]
    return f"Medians of one run on {datetime.fromisoformat(result['taken']):%Y-%m-%d}: {', '.join(parts)}."


def kept(figure: Figure) -> str:
    """Say whether a figure keeps its budget; nothing where it has none."""
    return {None: "", True: "yes", False: "NO"}[figure.within_budget]


def _cells(figure: Figure) -> Iterable[str]:
    bound = "≥" if figure.higher_is_better else "≤"
    missed = "" if figure.within_budget else " (missed)"
    return (
        f"{figure.label}, {figure.unit}",
        short(figure.median),
        f"{bound} {short(figure.budget)}{missed}",
        short(figure.peer_median(PREFECT.name)),
        short(figure.ratio(PREFECT.name)),
        short(figure.peer_median(DBOS.name)),
    )


if __name__ == "__main__":
    sys.stdout.write(markdown(newest()))
