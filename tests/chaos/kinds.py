"""What runs of each kind must have done once they have ended, as `workload/flows.py` has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of run.

    Attributes:
        weight: How often runs of it are asked for.
        ends_in: The types of the states in which it may end.
        labels: What its last attempt begins and ends in the book, where it completes.
        task_runs: How many task runs its last attempt has in the database then, subflows' included.
        seconds: From and to how long it takes; None where it takes no such parameter.
        once: No second attempt may begin.
    """

    weight: int
    labels: frozenset[str]
    task_runs: int
    ends_in: frozenset[str] = frozenset({"COMPLETED"})
    seconds: tuple[float, float] | None = None
    once: bool = False


def _labels(*names: str) -> frozenset[str]:
    return frozenset(names)


_STEPS = tuple(f"step-{number}" for number in range(4))

KINDS: dict[str, Kind] = {
    "plain": Kind(20, _labels("main"), 0),
    "tasks": Kind(20, _labels("main", *_STEPS[:3], "flaky-1", "flaky-2"), 4),
    "subflows": Kind(15, _labels("main", "inner-0", "inner-1", *_STEPS[:2]), 2),
    # A crash may be the last of its attempts.
    "failing": Kind(8, _labels("main"), 0, ends_in=frozenset({"FAILED", "CRASHED"})),
    "slow": Kind(35, _labels("main", *_STEPS), 4, seconds=(1.0, 6.0)),
    "once": Kind(
        15,
        _labels("main", "step-0"),
        1,
        ends_in=frozenset({"COMPLETED", "CRASHED"}),
        seconds=(0.5, 4.0),
        once=True,
    ),
    "talkative": Kind(2, _labels("main"), 0),
    # By the schedule alone.
    "scheduled": Kind(0, _labels("main", *_STEPS[:3], "flaky-1", "flaky-2"), 4),
}

UNENDED = frozenset({"flaky-1"})
"""Labels that begin and do not end in order, by design."""
