"""The one map from exceptions to answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoSuchRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from alisio.contract.base import ErrorBody, first_problem
from alisio_server.errors import (
    AlisioServerError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedContentTypeError,
)
from alisio_server.events import JSON_WANTED
from alisio_server.repeats import Repeats

logger = logging.getLogger("alisio.server")
_unavailable = Repeats()

_STATUSES: dict[type[AlisioServerError], int] = {
    BadRequestError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    UnsupportedContentTypeError: 415,
    InvalidInputError: 422,
    TooManyRequestsError: 429,
    UnavailableError: 503,
}
_RETRY_AFTER = "Retry-After"
# PostgreSQL gave up one of several transactions for the others' sake: a serialisation failure, or a deadlock.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONFLICTS = {"40001", "40P01"}
_WHERE = {"body", "path", "query", "header"}


def may_try_again(answer: Mapping[str, Any]) -> bool:
    """Tell whether an answer says that the same request, of which nothing was kept, is likely to succeed at once."""
    return bool(answer["statusCode"] == 503 and answer["headers"].get(_RETRY_AFTER) == "0")


def answer_failure(error: Exception) -> Response[str]:
    """Turn whatever a route raised into an answer whose body is an `ErrorBody`.

    What nobody foresaw becomes a 500 that gives nothing away; its traceback is logged. What is away, or is settled
    by trying again, is said once a minute and not for every request that meets it.
    """
    status, body = _read(error)
    if status == 503:
        if _unavailable.is_news(body.code):
            logger.warning("%s: %s", body.code, body.message)
    elif status >= 500:
        logger.error("%s: %s", body.code, body.message, exc_info=error if status == 500 else None)
    return Response(
        status_code=status, content_type="application/json", headers=_headers(error), body=body.model_dump_json()
    )


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}  # RFC 9110, section 15.5.2: a 401 says how to do better
    if isinstance(error, TooManyRequestsError):
        return {"Retry-After": str(error.retry_after)}
    if _is_conflict(error):
        return {_RETRY_AFTER: "0"}
    return {}


def _read(error: Exception) -> tuple[int, ErrorBody]:
    if isinstance(error, AlisioServerError):
        status = _STATUSES.get(type(error), 500)
        return status, ErrorBody(code=error.code, message=error.message, field=error.field)
    if isinstance(error, RequestValidationError) and not _is_ours(error.errors()):
        return 422, _invalid(error.errors())
    if isinstance(error, RequestUnsupportedContentType):
        return 415, ErrorBody(code="unsupported_content_type", message=JSON_WANTED, field="content-type")
    if isinstance(error, NoSuchRouteError):
        message = "there is no such path and method here: see /docs"
        return 404, ErrorBody(code="route_not_found", message=message)
    return _read_dependency(error)


def _read_dependency(error: Exception) -> tuple[int, ErrorBody]:
    if isinstance(error, OverflowError | DataError):
        message = "a number is too large, or a text cannot be stored"
        return 422, ErrorBody(code="invalid_input", message=message)
    if isinstance(error, IntegrityError):
        message = "something else changed it at the same moment: try again"
        return 409, ErrorBody(code="conflict", message=message)
    if _is_conflict(error):
        message = "other requests changed the same things at the same moment: try again"
        return 503, ErrorBody(code="transaction_conflict", message=message)
    if isinstance(error, OperationalError | PoolTimeoutError) or _is_cut_off(error):
        message = f"the database cannot be used: {_first_line(getattr(error, 'orig', error))}"
        return 503, ErrorBody(code="database_unavailable", message=message)
    if isinstance(error, OSError):
        message = f"the object store cannot be used: {error.strerror or error}"
        return 507, ErrorBody(code="storage_unavailable", message=message)
    return 500, ErrorBody(code="server_error", message="the server failed: its log says more")


def _is_conflict(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) in _CONFLICTS


def _is_cut_off(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _is_ours(errors: Sequence[Any]) -> bool:
    # Powertools raises the same class when an answer of ours does not fit its own model.
    return any(error["loc"][:1] == ("response",) for error in errors)


def _invalid(errors: Sequence[Any]) -> ErrorBody:
    place, said = first_problem(errors)
    where, _, rest = place.partition(".")
    field = (rest if where in _WHERE else place) or None
    message = f"{field}: {said}" if field else f"the body: {said}"
    if len(errors) > 1:
        message += f" (and {len(errors) - 1} more)"
    return ErrorBody(code="invalid_input", message=message, field=field)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no reason was given"
