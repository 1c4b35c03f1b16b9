"""What a row of the benchmarks measures: figures, each with its samples and, where there is one, its budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """Samples of one quantity.

    Attributes:
        label: What was measured.
        unit: `s`, `ms`, `1/s` or a count's name.
        samples: Every counted sample, in `unit`.
        budget: What the median must not pass (or, for rates, not fall below).
        higher_is_better: True for rates.
    """

    label: str
    unit: str
    samples: list[float]
    budget: float | None = None
    higher_is_better: bool = False

    @property
    def median(self) -> float:
        """The median of the samples."""
        return median(self.samples)

    @property
    def within_budget(self) -> bool | None:
        """Whether the median keeps the budget; None where there is none."""
        if self.budget is None:
            return None
        return self.median >= self.budget if self.higher_is_better else self.median <= self.budget


@dataclass(frozen=True)
class Row:
    """One benchmark.

    Attributes:
        name: What `ROWS=` calls it.
        measure: Runs it and gives its figures.
    """

    name: str
    measure: Callable[[], Iterable[Figure]]
