"""States of runs, as user code sees them: what happened, and the result or the exception it left."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

from alisio.contract.states import DEFAULT_NAMES, StateName, StateType
from alisio.exceptions import CancelledRunError, CrashedRunError, FailedRunError, UnfinishedRunError
from alisio.results.reference import StoredResult

if TYPE_CHECKING:
    from alisio.contract.state_record import StateRecord

R = TypeVar("R")

_ERRORS = {
    StateType.FAILED: FailedRunError,
    StateType.CRASHED: CrashedRunError,
    StateType.CANCELLED: CancelledRunError,
}


class State(Generic[R]):
    """A state that a run is or was in.

    Args:
        type: What it means to the rules.
        name: What it is called; by default the type's own name.
        message: One line for people.
        data: The result, or the exception; a `StoredResult` where the result is to be read first.
        timestamp: Since when, in seconds since 1970; now, where it is not given.
        task_run_id: The task run that ended in it.
        stored: Where the result is stored, if it is.
    """

    __slots__ = ("data", "message", "name", "since", "stored", "task_run_id", "type")

    def __init__(
        self,
        type: StateType,
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        timestamp: float | None = None,
        task_run_id: UUID | None = None,
        stored: StoredResult | None = None,
    ) -> None:
        self.type = type
        self.name = name or DEFAULT_NAMES[type]
        self.message = message
        self.data = data
        self.since = time.time() if timestamp is None else timestamp
        self.task_run_id = task_run_id
        self.stored = stored

    @classmethod
    def from_record(cls, record: StateRecord) -> State[Any]:
        """Make a state of one that the server has: `State.from_record(client.read_flow_run(id).state).result()`.

        Args:
            record: The `state` of a flow run or a task run, or one of its `states`.

        Returns:
            The state. Its result is read when it is asked for, from where the run has stored it.
        """
        stored = StoredResult(record.result) if record.type is StateType.COMPLETED else None
        return cls(record.type, record.name, record.message, stored, record.timestamp.timestamp(), None, stored)

    def __repr__(self) -> str:
        message = "" if self.message is None else f"message={self.message!r}"
        return f"{self.name}({message})"

    @property
    def timestamp(self) -> datetime:
        """Since when, in UTC."""
        return datetime.fromtimestamp(self.since, UTC)

    def result(self, raise_on_failure: bool = True) -> R:
        """Give what the run returned.

        Args:
            raise_on_failure: Give the exception back, in place of raising it.

        Returns:
            The result; or the exception, where the run ended otherwise and `raise_on_failure` is false.

        Raises:
            Exception: What the run's code raised.
            FailedRunError: It failed without an exception.
            CrashedRunError: It crashed.
            CancelledRunError: It was cancelled.
            UnfinishedRunError: It has not ended, or never began.
            ResultError: The result was not stored, or cannot be read from where it is.
        """
        outcome: Any = self.data
        if self.type is StateType.COMPLETED:
            return cast(R, outcome.read() if type(outcome) is StoredResult else outcome)
        if not isinstance(outcome, BaseException):
            outcome = _ERRORS.get(self.type, UnfinishedRunError)(self.message or f"the run is {self.name}")
        if raise_on_failure:
            raise outcome
        return cast(R, outcome)

    def is_scheduled(self) -> bool:
        """Tell whether it waits for its time."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Tell whether it is about to start."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self.type is StateType.RUNNING

    def is_paused(self) -> bool:
        """Tell whether it is paused."""
        return self.type is StateType.PAUSED

    def is_cancelling(self) -> bool:
        """Tell whether it is being stopped."""
        return self.type is StateType.CANCELLING

    def is_completed(self) -> bool:
        """Tell whether it ended well."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Tell whether its code failed."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Tell whether it ended without its code having a say."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Tell whether it was stopped."""
        return self.type is StateType.CANCELLED

    def is_final(self) -> bool:
        """Tell whether it has ended."""
        return self.type.is_terminal


def Scheduled(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it waits for its time."""
    return State(StateType.SCHEDULED, name, message, data)


def AwaitingRetry(message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it failed and waits for its next attempt."""
    return State(StateType.SCHEDULED, StateName.AWAITING_RETRY, message, data)


def Pending(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it is about to start."""
    return State(StateType.PENDING, name, message, data)


def Running(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it runs."""
    return State(StateType.RUNNING, name, message, data)


def Retrying(message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it runs, and not for the first time."""
    return State(StateType.RUNNING, StateName.RETRYING, message, data)


def Paused(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it is paused."""
    return State(StateType.PAUSED, name, message, data)


def Cancelling(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it is being stopped."""
    return State(StateType.CANCELLING, name, message, data)


def Completed(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it ended well, and `data` is its result."""
    return State(StateType.COMPLETED, name, message, data)


def Failed(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it failed, and `data` is the exception where there is one."""
    return State(StateType.FAILED, name, message, data)


def Crashed(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it ended without its code having a say."""
    return State(StateType.CRASHED, name, message, data)


def Cancelled(name: str | None = None, message: str | None = None, data: Any = None) -> State[Any]:  # noqa: N802
    """Make a state: it was stopped."""
    return State(StateType.CANCELLED, name, message, data)
