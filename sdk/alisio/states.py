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

_COLLECTIONS = (list, tuple, set, frozenset)
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
        scheduled_time: Where it waits for its time, when that is.

    Raises:
        ValueError: The type is none, or the name or the message is no text.
    """

    __slots__ = ("data", "message", "name", "scheduled_time", "since", "stored", "task_run_id", "type")

    def __init__(
        self,
        type: StateType,
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        timestamp: float | None = None,
        task_run_id: UUID | None = None,
        stored: StoredResult | None = None,
        scheduled_time: datetime | None = None,
    ) -> None:
        # These come from the user's code, whose states are to fail where they are made, not where they are recorded.
        plain = (message is None or message.__class__ is str) and (name is None or name.__class__ is str)
        if not plain or type.__class__ is not StateType:
            type = _checked(type, name, message)
        self.type = type
        self.name = name or DEFAULT_NAMES[type]
        self.message = message
        self.data = data
        self.since = time.time() if timestamp is None else timestamp
        self.task_run_id = task_run_id
        self.stored = stored
        self.scheduled_time = scheduled_time

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
        error = _exception_in(outcome)
        if error is None:
            text = outcome if isinstance(outcome, str) and self.message is None else self.message
            error = _ERRORS.get(self.type, UnfinishedRunError)(text or f"the run is {self.name}")
        if raise_on_failure:
            raise error
        return cast(R, error)

    async def aresult(self, raise_on_failure: bool = True) -> R:
        """Give what the run returned, and read it without blocking the event loop; see `result`."""
        if type(self.data) is not StoredResult:
            return self.result(raise_on_failure)
        import asyncio

        return await asyncio.to_thread(self.result, raise_on_failure)

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


def Scheduled(scheduled_time: datetime | None = None, **options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it waits for its time.

    Args:
        scheduled_time: When that is; now, where it is not given.
        options: `name`, `message` and `data`, as for all that follow.
    """
    return _made(StateType.SCHEDULED, options, None, scheduled_time or datetime.now(UTC))


def Late(scheduled_time: datetime | None = None, **options: Any) -> State[Any]:  # noqa: N802
    """Make a state: its time has passed, and nobody has begun it."""
    return _made(StateType.SCHEDULED, options, StateName.LATE, scheduled_time or datetime.now(UTC))


def AwaitingRetry(scheduled_time: datetime | None = None, **options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it failed and waits for its next attempt."""
    return _made(StateType.SCHEDULED, options, StateName.AWAITING_RETRY, scheduled_time or datetime.now(UTC))


def AwaitingConcurrencySlot(scheduled_time: datetime | None = None, **options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it waits until fewer others run."""
    slot = StateName.AWAITING_CONCURRENCY_SLOT
    return _made(StateType.SCHEDULED, options, slot, scheduled_time or datetime.now(UTC))


def Pending(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it is about to start."""
    return _made(StateType.PENDING, options)


def Running(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it runs."""
    return _made(StateType.RUNNING, options)


def Retrying(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it runs, and not for the first time."""
    return _made(StateType.RUNNING, options, StateName.RETRYING)


def Paused(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it is paused."""
    return _made(StateType.PAUSED, options)


def Suspended(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it is paused, and its process has ended."""
    return _made(StateType.PAUSED, options, StateName.SUSPENDED)


def Cancelling(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it is being stopped."""
    return _made(StateType.CANCELLING, options)


def Completed(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it ended well, and `data` is its result."""
    return _made(StateType.COMPLETED, options)


def Failed(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it failed, and `data` is the exception where there is one."""
    return _made(StateType.FAILED, options)


def Crashed(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it ended without its code having a say."""
    return _made(StateType.CRASHED, options)


def Cancelled(**options: Any) -> State[Any]:  # noqa: N802
    """Make a state: it was stopped."""
    return _made(StateType.CANCELLED, options)


def is_state_iterable(value: Any) -> bool:
    """Tell whether a value is a list, a tuple or a set of nothing but states, and of one at least."""
    return isinstance(value, _COLLECTIONS) and bool(value) and all(isinstance(each, State) for each in value)


def get_state_exception(state: State[Any]) -> BaseException:
    """Give the exception of a state in which a run ended otherwise than well.

    Raises:
        ValueError: It ended well, or has not ended.
    """
    if state.type not in _ERRORS:
        raise ValueError(f"a state that is {state.name} has no exception")
    return cast(BaseException, state.result(raise_on_failure=False))


def raise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a state in which a run ended otherwise than well; do nothing for any other state."""
    if state.type in _ERRORS:
        state.result()


def _made(
    type_: StateType, options: dict[str, Any], name: str | None = None, scheduled_time: datetime | None = None
) -> State[Any]:
    return State(type_, **{"name": name, "scheduled_time": scheduled_time, **options})


def _checked(type_: Any, name: Any, message: Any) -> StateType:
    for option, text in (("name", name), ("message", message)):
        if text is not None and not isinstance(text, str):
            raise ValueError(f"the {option} of a state must be a text, not {text!r}")
    try:
        return StateType(type_)
    except ValueError:
        known = ", ".join(StateType)
        raise ValueError(f"the type of a state must be one of {known}, not {type_!r}") from None


def _exception_in(data: Any) -> BaseException | None:
    """Find the exception that a state's data is, or that the first state in it has which is not COMPLETED."""
    if isinstance(data, BaseException):
        return data
    states = [data] if isinstance(data, State) else list(data) if is_state_iterable(data) else []
    unfit = next((each for each in states if each.type is not StateType.COMPLETED), None)
    return None if unfit is None else cast(BaseException, unfit.result(raise_on_failure=False))
