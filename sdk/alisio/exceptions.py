"""Every error that Alisio raises on the side of the user. Standard library only.

    AlisioError
    ├── SettingsError              a setting has an unknown name or a value that cannot be used
    ├── ApiUnreachableError        no server answered
    ├── ApiError                   the server answered with an error
    │   ├── NotFoundError          404
    │   ├── ConflictError          409
    │   └── InvalidInputError      400, 413, 422
    ├── EntrypointError            a flow cannot be loaded from where it is said to be
    ├── MissingContextError        something that needs a run was called outside of one
    ├── ParameterError             a flow was called with parameters that do not fit it
    ├── FlowTimeoutError           a flow took longer than its `timeout_seconds`
    ├── TaskTimeoutError           a task took longer than its `timeout_seconds`
    ├── FlowPauseTimeoutError      a flow run was paused and not resumed in time
    ├── FlowWaitTimeoutError       a flow run was waited for and did not end in time
    ├── AcquireConcurrencySlotTimeoutError  slots of a limit were not free in time
    ├── ConcurrencySlotAcquisitionError     slots of a limit cannot be taken
    │   └── ConcurrencyLeaseLostError       they were taken, and are lost
    ├── ConcurrencySlotReleaseError         they could not be given back
    ├── VisualizationError         a flow cannot be drawn
    ├── ResultError                a stored result cannot be written or read
    │   └── MissingResultError     it was not stored, or is no longer there
    ├── TransferError              an argument, a result or a function cannot travel between processes
    ├── BlockError                 a block cannot be saved, found or loaded
    │   ├── BlockNotSavedError     what was asked takes a block that is saved
    │   ├── InvalidBlockRegistrationError  the class is none of which blocks can be saved
    │   └── UnknownBlockTypeError  no class of that type was imported
    └── RunError                   the result was asked of a run that has none
        ├── FailedRunError
        ├── CrashedRunError
        │   └── WorkerLostError    the worker that ran a task is gone
        ├── CancelledRunError
        └── UnfinishedRunError
    Pause                          (BaseException) the run is to be suspended
    TerminationSignal              (BaseException) the run is being stopped from outside

The names at the end of the module are those by which Prefect's users know some of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


class AlisioError(Exception):
    """Base of all errors of Alisio. Its text is one line: what is wrong, where, and what to do."""


class SettingsError(AlisioError):
    """A setting has an unknown name, or a value that cannot be used."""


class ApiUnreachableError(AlisioError):
    """No server answered at the address."""


class ApiError(AlisioError):
    """The server answered with an error.

    Attributes:
        status: The HTTP status, 400 or more.
        code: A stable word for programs, such as `deployment_not_found`.
        message: One line for people.
        field: The field of the request at fault, where there is one.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class NotFoundError(ApiError):
    """Something that was named does not exist on the server."""


class ConflictError(ApiError):
    """What was asked does not fit the present state of things, such as a stale attempt."""


class InvalidInputError(ApiError):
    """Something that was sent cannot be used."""


class EntrypointError(AlisioError):
    """A flow cannot be loaded from its entrypoint."""


class MissingContextError(AlisioError, RuntimeError):
    """Something that needs a run was called outside of one."""


class ParameterError(AlisioError, TypeError):
    """A flow was called with parameters that do not fit its signature or type hints."""


class FlowTimeoutError(AlisioError, TimeoutError):
    """A flow took longer than its `timeout_seconds`."""


class TaskTimeoutError(AlisioError, TimeoutError):
    """A task took longer than its `timeout_seconds`."""


class FlowPauseTimeoutError(AlisioError, TimeoutError):
    """A flow run was paused and not resumed in time."""


class FlowWaitTimeoutError(AlisioError, TimeoutError):
    """A flow run that was waited for did not end in time."""


class AcquireConcurrencySlotTimeoutError(AlisioError, TimeoutError):
    """Slots of a limit were not free in time."""


class ConcurrencySlotAcquisitionError(AlisioError):
    """Slots of a limit cannot be taken, however long one waits.

    Attributes:
        code: What the server said, such as `too_many_slots`; None: it did not refuse.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class ConcurrencyLeaseLostError(ConcurrencySlotAcquisitionError):
    """Slots of a limit are held no longer: nothing was heard of their holder for too long."""


class ConcurrencySlotReleaseError(AlisioError):
    """Slots of a limit could not be given back; they are held until their lease ends."""


class VisualizationError(AlisioError):
    """A flow cannot be drawn."""


class ResultError(AlisioError):
    """A stored result cannot be written, or not be read here."""


class MissingResultError(ResultError):
    """A result was not stored, or is no longer where it was."""


class TransferError(AlisioError, TypeError):
    """An argument, a result or a function cannot travel between processes. The text names the part at fault."""


class BlockError(AlisioError, ValueError):
    """A block cannot be saved, found or loaded."""


class BlockNotSavedError(BlockError):
    """What was asked takes a block that is saved."""


class InvalidBlockRegistrationError(BlockError):
    """A class is none of which blocks can be saved: `Block` itself, or one with abstract methods."""


class UnknownBlockTypeError(BlockError):
    """No class of a block type was imported."""


class RunError(AlisioError):
    """The result was asked of a run that has none. The text is the message of its state."""


class FailedRunError(RunError):
    """The run failed, and left no exception of its own to raise."""


class CrashedRunError(RunError):
    """The run ended without its code having a say."""


class WorkerLostError(CrashedRunError):
    """The worker that ran a task is gone: its process died, or its cluster did.

    Attributes:
        task_run_id: Whose worker it was.
    """

    task_run_id: UUID | None = None


class CancelledRunError(RunError):
    """The run was cancelled."""


class UnfinishedRunError(RunError):
    """The run has not ended, or was never started because something it depends on failed."""


class Pause(BaseException):
    """The run is to be suspended: its process ends here, and another one goes on once it is resumed.

    Not an `Exception`, so that `except Exception` lets it pass.
    """


class TerminationSignal(BaseException):
    """The run is being stopped from outside. Not an `Exception`, so that `except Exception` lets it pass."""


FailedRun = FailedRunError
FlowPauseTimeout = FlowPauseTimeoutError
FlowWaitTimeout = FlowWaitTimeoutError
CrashedRun = CrashedRunError
CancelledRun = CancelledRunError
UnfinishedRun = UnfinishedRunError
MissingResult = MissingResultError
ParameterTypeError = ParameterError
FlowRunWaitTimeout = FlowWaitTimeoutError
ObjectNotFound = NotFoundError
ObjectAlreadyExists = ConflictError
