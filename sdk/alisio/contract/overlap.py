"""What becomes of runs of one schedule that would overlap. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class Overlap(StrEnum):
    """What becomes of a run that falls due while an earlier run of its schedule has not ended.

    `queue`: it waits. `skip`: it is cancelled, unless the earlier one has not begun either. `cancel_older`: the
    earlier one is cancelled, and it waits for that.
    """

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE = "queue"
    CANCEL_OLDER = "cancel_older"
