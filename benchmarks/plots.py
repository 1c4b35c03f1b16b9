"""From the newest result: the plots under `benchmarks/plots/`, and the table in the README (`make bench-plots`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.bars import Group, bars
from benchmarks.products import ALISIO, ROOT
from benchmarks.results import Result, figures_of, newest
from benchmarks.table import PEERS, caption, with_table

PLOTS = Path(__file__).with_name("plots")
README = ROOT / "README.md"


class Plot(NamedTuple):
    """What a plot shows.

    Attributes:
        name: Of its file.
        title: Its heading.
        unit: Of the figures that it takes.
        figures: What their labels match; the groups of it, joined, are what the plot calls them.
    """

    name: str
    title: str
    unit: str
    figures: str


ALL = (
    Plot("task-overhead", "A task that does nothing, until it is stored", "ms", r"(.*): each, until stored(.*)"),
    Plot("time-to-running", "From a run's creation to its state Running", "s", r"(.*): created to Running(.*)"),
)


def draw(plot: Plot, result: Result) -> str:
    """Draw a plot of a result.

    Raises:
        ValueError: The result holds none of its figures.
    """
    groups = []
    for figure in figures_of(result):
        matched = re.fullmatch(plot.figures, figure.label)
        if matched and figure.unit == plot.unit:
            theirs = {peer.label: median for peer in PEERS if (median := figure.peer_median(peer.name)) is not None}
            groups.append(Group("".join(matched.groups()), {ALISIO.label: figure.median, **theirs}))
    if not groups:
        raise ValueError(f"the newest result has no figures for the plot {plot.name}: none matches {plot.figures}")
    return bars(plot.title, plot.unit, groups, note=caption(result))


def main() -> int:
    """Write all plots and the README's table."""
    result = newest()
    drawn = {plot.name: draw(plot, result) for plot in ALL}
    PLOTS.mkdir(exist_ok=True)
    for name, chart in drawn.items():
        (PLOTS / f"{name}.svg").write_text(chart)
    README.write_text(with_table(README.read_text(), result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
