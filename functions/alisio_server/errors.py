"""The server's errors. `routes/failures.py` is the one place that turns them into answers.

AlisioServerError
├── BadRequestError       400
├── UnauthenticatedError  401
├── ForbiddenError        403
├── NotFoundError         404
├── ConflictError         409
├── TooLargeError         413
├── InvalidInputError     422
├── TooManyRequestsError  429
└── UnavailableError      503
"""

from __future__ import annotations


class AlisioServerError(Exception):
    """An error that a caller can cause.

    Attributes:
        message: One line: what is wrong, where, what to do.
        code: A stable word for programs.
        field: The field at fault, where there is one.
    """

    default_code = "server_error"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.field = field


class BadRequestError(AlisioServerError):
    """A request that cannot be read at all: broken JSON, broken gzip."""

    default_code = "bad_request"


class UnauthenticatedError(AlisioServerError):
    """A request without an API key that may be used."""

    default_code = "unauthenticated"


class ForbiddenError(AlisioServerError):
    """A request that the role of its API key does not allow."""

    default_code = "forbidden"


class TooManyRequestsError(AlisioServerError):
    """A request from where too many wrong API keys came.

    Attributes:
        retry_after: Seconds after which it may be tried again.
    """

    default_code = "too_many_failures"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(AlisioServerError):
    """A request for something that the server cannot reach at the moment."""

    default_code = "unavailable"


class NotFoundError(AlisioServerError):
    """Something that was named does not exist."""

    default_code = "not_found"


class ConflictError(AlisioServerError):
    """What is asked does not fit the present state of things, such as a stale attempt."""

    default_code = "conflict"


class UnsupportedContentTypeError(AlisioServerError):
    """A body in an encoding that no route reads."""

    default_code = "unsupported_content_type"


class TooLargeError(AlisioServerError):
    """A body of more bytes than are taken."""

    default_code = "body_too_large"


class InvalidInputError(AlisioServerError):
    """Something that was given cannot be used."""

    default_code = "invalid_input"


def unreadable_secrets(reason: str) -> ConflictError:
    """Make the error of secrets that cannot be decrypted.

    Args:
        reason: Why, and what to do.
    """
    return ConflictError(f"the secrets cannot be decrypted: {reason}", code="secrets_unreadable")


def reason_of(error: Exception) -> str:
    """Say in one line what went wrong, for a log: the driver's own words, as SQLAlchemy's add the statement."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
