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
    ├── ResultError                a stored result cannot be written or read
    │   └── MissingResultError     it was not stored, or is no longer there
    └── RunError                   the result was asked of a run that has none
        ├── FailedRunError
        ├── CrashedRunError
        ├── CancelledRunError
        └── UnfinishedRunError
    TerminationSignal              (BaseException) the run is being stopped from outside

The names at the end of the module are those by which Prefect's users know some of them.
"""

from __future__ import annotations


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


class ResultError(AlisioError):
    """A stored result cannot be written, or not be read here."""


class MissingResultError(ResultError):
    """A result was not stored, or is no longer where it was."""


class RunError(AlisioError):
    """The result was asked of a run that has none. The text is the message of its state."""


class FailedRunError(RunError):
    """The run failed, and left no exception of its own to raise."""


class CrashedRunError(RunError):
    """The run ended without its code having a say."""


class CancelledRunError(RunError):
    """The run was cancelled."""


class UnfinishedRunError(RunError):
    """The run has not ended, or was never started because something it depends on failed."""


class TerminationSignal(BaseException):
    """The run is being stopped from outside. Not an `Exception`, so that `except Exception` lets it pass."""


FailedRun = FailedRunError
CrashedRun = CrashedRunError
CancelledRun = CancelledRunError
UnfinishedRun = UnfinishedRunError
MissingResult = MissingResultError
ParameterTypeError = ParameterError
