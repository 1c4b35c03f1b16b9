"""What a supervisor's exit status tells the agent."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """How a supervisor ended, as its exit status."""

    COMPLETED = 0
    FAILED = 10
    CRASHED = 11
    CANCELLED = 12
    SCHEDULED = 13
    """The run will be tried again, by whoever claims it."""
    PAUSED = 16
    """It is suspended: its process has ended, and the run goes on once it is resumed."""
    SUPERSEDED = 14
    """The API refused it: the run is another's now, or gone."""
    UNDELIVERED = 15
    """The API did not answer in time."""
