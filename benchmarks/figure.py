"""What a row of the benchmarks measures: figures, each with its samples and, where there is one, its budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """Samples of one quantity.

    Attributes:
        label: What was measured.
        unit: `s`, `ms`, `1/s`, `MB` or a count's name.
        samples: Every counted sample of ours, in `unit`.
        budget: What our median must not pass (or, for rates, not fall below).
        higher_is_better: True for rates.
        peers: Samples of the same quantity by the names of other products: `prefect`, `dbos`.
    """

    label: str
    unit: str
    samples: Sequence[float]
    budget: float | None = None
    higher_is_better: bool = False
    peers: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median of our samples."""
        return median(self.samples)

    @property
    def within_budget(self) -> bool | None:
        """Whether the median keeps the budget; None where there is none."""
        if self.budget is None:
            return None
        return self.median >= self.budget if self.higher_is_better else self.median <= self.budget

    def peer_median(self, peer: str) -> float | None:
        """The median of another product's samples; None where it was not measured."""
        samples = self.peers.get(peer)
        return median(samples) if samples else None

    def ratio(self, peer: str) -> float | None:
        """How many times better than another product we are: over 1 is better, whichever way the figure counts."""
        theirs = self.peer_median(peer)
        better, worse = (self.median, theirs) if self.higher_is_better else (theirs, self.median)
        return better / worse if better is not None and worse else None


@dataclass(frozen=True)
class Row:
    """One benchmark.

    Attributes:
        name: What `ROWS=` calls it.
        measure: Runs it and gives its figures.
    """

    name: str
    measure: Callable[[], Iterable[Figure]]
