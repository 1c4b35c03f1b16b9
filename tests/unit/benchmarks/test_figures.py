"""What a figure says of its samples, of its budget, and of another product's samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.figure import Figure
from benchmarks.interleaved import interleaved
from benchmarks.numbers import short


def test_a_time_keeps_its_budget_by_its_median() -> None:
    """One slow sample does not miss a budget that the median keeps."""
    assert Figure("wait", "s", [0.1, 0.2, 9.0], budget=0.2).within_budget is True


def test_a_rate_below_its_budget_misses_it() -> None:
    """For rates a budget is the least that is allowed."""
    assert Figure("runs", "1/s", [240.0], budget=250.0, higher_is_better=True).within_budget is False


def test_a_figure_without_a_budget_keeps_none() -> None:
    """Neither kept nor missed is said where nothing was promised."""
    assert Figure("wait", "s", [1.0]).within_budget is None


@pytest.mark.parametrize(("higher_is_better", "times"), [(False, 4.0), (True, 0.25)])
def test_more_than_one_means_better_for_times_and_for_rates(higher_is_better: bool, times: float) -> None:
    """The ratio to another product says how many times better we are, whichever way the figure counts."""
    figure = Figure("x", "u", [1.0, 2.0, 3.0], higher_is_better=higher_is_better, peers={"prefect": [8.0]})
    assert times == figure.ratio("prefect")


def test_a_product_that_was_not_measured_has_no_ratio() -> None:
    """A table leaves the place empty."""
    assert Figure("x", "s", [1.0], peers={"dbos": []}).ratio("dbos") is None
    assert Figure("x", "s", [1.0]).ratio("prefect") is None


def test_samples_are_taken_in_turn_and_warm_ups_are_not_counted() -> None:
    """A B A B, the first round thrown away; who is slow takes part in fewer rounds."""
    taken: list[str] = []

    def sample(name: str) -> Callable[[], int]:
        def take() -> int:
            taken.append(name)
            return len(taken)

        return take

    samples = interleaved({"a": sample("a"), "b": sample("b")}, runs=3, warm_ups=1, fewer={"b": 1})
    assert ["a", "b", "a", "b", "a", "a"] == taken
    assert {"a": [3, 5, 6], "b": [4]} == samples


@pytest.mark.parametrize(
    ("written", "value"),
    [("", None), ("1,234", 1234.4), ("100", 99.96), ("40", 40.0), ("0.0123", 0.01234), ("2.5", 2.5), ("0", 0.0)],
)
def test_numbers_are_short(written: str, value: float | None) -> None:
    """Three significant digits, without zeros that say nothing."""
    assert written == short(value)
