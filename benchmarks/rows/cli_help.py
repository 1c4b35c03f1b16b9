"""How long the command line takes to say how it is used."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.command_time import wall_seconds
from benchmarks.figure import Figure, Row
from benchmarks.stack import COMMAND


def _measure() -> Iterator[Figure]:
    yield Figure("alisio --help", "s", wall_seconds([COMMAND, "--help"]), budget=0.25)
    yield Figure("alisio version", "s", wall_seconds([COMMAND, "version"]))


ROW = Row("help", _measure)
