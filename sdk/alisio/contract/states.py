"""The states of runs: types, names, and which of them are final. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class StateType(StrEnum):
    """What a state means to the rules. The names beneath (`StateName`) only say more to people."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether a run in this state has ended."""
        return self in TERMINAL


TERMINAL = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})
"""The types in which a run has ended."""

LEASED = frozenset({StateType.PENDING, StateType.RUNNING, StateType.CANCELLING})
"""The types in which somebody holds a run's lease."""


class StateName:
    """The names that our own rules give to states; each belongs to the type in its comment."""

    SCHEDULED = "Scheduled"  # SCHEDULED
    LATE = "Late"  # SCHEDULED
    AWAITING_RETRY = "AwaitingRetry"  # SCHEDULED
    AWAITING_CONCURRENCY_SLOT = "AwaitingConcurrencySlot"  # SCHEDULED
    RESUMING = "Resuming"  # SCHEDULED: suspended before, and to go on
    PENDING = "Pending"  # PENDING
    NOT_READY = "NotReady"  # PENDING
    RUNNING = "Running"  # RUNNING
    RETRYING = "Retrying"  # RUNNING
    PAUSING = "Pausing"  # RUNNING, or on its way to that: asked to pause, and not yet at a place where it can
    SUSPENDING = "Suspending"  # RUNNING: likewise
    PAUSED = "Paused"  # PAUSED: its process waits
    SUSPENDED = "Suspended"  # PAUSED: its process has ended, and it is claimed again once it is resumed
    CANCELLING = "Cancelling"  # CANCELLING
    COMPLETED = "Completed"  # COMPLETED
    CACHED = "Cached"  # COMPLETED
    ROLLED_BACK = "RolledBack"  # COMPLETED: and undone since
    FAILED = "Failed"  # FAILED
    TIMED_OUT = "TimedOut"  # FAILED
    CRASHED = "Crashed"  # CRASHED
    CANCELLED = "Cancelled"  # CANCELLED


DEFAULT_NAMES = {type_: type_.value.capitalize() for type_ in StateType}
"""The name that a state of a type has when nobody gave it another."""
