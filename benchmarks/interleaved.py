"""Samples of several products taken in turn, A B A B, so that a change of the machine's mood meets them all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Subject = TypeVar("Subject", bound=Hashable)
Sample = TypeVar("Sample")


def interleaved(
    subjects: Mapping[Subject, Callable[[], Sample]],
    *,
    runs: int = 7,
    warm_ups: int = 1,
    fewer: Mapping[Subject, int] | None = None,
) -> dict[Subject, list[Sample]]:
    """Take samples of every subject in turn.

    Args:
        subjects: What takes one sample, by whose sample it is.
        runs: Counted samples of each.
        warm_ups: Rounds before them that are not counted.
        fewer: Counted samples of those that are too slow for so many runs.

    Returns:
        The counted samples of each subject, in the order they were taken.
    """
    samples: dict[Subject, list[Sample]] = {subject: [] for subject in subjects}
    for number in range(warm_ups + runs):
        for subject, sample in subjects.items():
            if number - warm_ups >= (fewer or {}).get(subject, runs):
                continue
            taken = sample()
            if number >= warm_ups:
                samples[subject].append(taken)
    return samples
