"""The parts of a call: the request, the reply, and how a reply becomes an answer or an error."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError

from alisio.contract.base import ErrorBody, first_problem
from alisio.exceptions import ApiError, ConflictError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from alisio.contract.deployments import Upload

AnswerT = TypeVar("AnswerT")
Body = BaseModel | Mapping[str, Any] | bytes | None

UPLOAD_SECONDS = 300.0
"""How long sending a bundle, or large data, may take."""

_DEFAULT_TIMEOUT_SECONDS = 30.0
_ERRORS: dict[int, type[ApiError]] = {
    400: InvalidInputError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidInputError,
    422: InvalidInputError,
}
_RETRIED = frozenset({429, 502, 503, 504})
_DELAYS_SECONDS = (0.1, 0.3, 0.9)
_LONGEST_DELAY_SECONDS = 5.0


@dataclass(frozen=True)
class Call(Generic[AnswerT]):
    """One request to the API.

    Attributes:
        method: The HTTP method.
        path: Below the API's address, beginning with a slash; its parts are percent-encoded.
        answer: The type of the answer's body: a model, a list of them, `bytes`, or None where there is none.
        body: What is sent: JSON, or raw bytes.
        query: Parameters of the address.
        repeatable: Whether sending it twice does no more than sending it once.
        timeout_seconds: How long the answer may take.
        elsewhere: Where bytes go that are not for the API itself: it has said how. What comes back is of no interest.
    """

    method: str
    path: str
    answer: type[AnswerT]
    body: Body = None
    query: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    timeout_seconds: float = _DEFAULT_TIMEOUT_SECONDS
    elsewhere: Upload | None = None


@dataclass(frozen=True)
class Reply:
    """What came back: the HTTP status and the body."""

    status: int
    content: bytes


def path_of(*parts: object) -> str:
    """Build a call's path from its parts, which may hold any characters.

    A question mark is encoded twice: an HTTP API of AWS decodes the path and then takes what follows one for a query.
    """
    return "".join("/" + quote(str(part), safe="").replace("%3F", "%253F") for part in parts)


def page_query(limit: int | None, cursor: str | None) -> dict[str, str]:
    """Build the query of a listing that is paged by GET."""
    given = {"limit": limit, "cursor": cursor}
    return {name: str(value) for name, value in given.items() if value is not None}


def encode_body(body: Body) -> tuple[bytes, str | None]:
    """Turn a call's body into bytes.

    Returns:
        The bytes and their content type; the type is None where there is no body.
    """
    if body is None:
        return b"", None
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, BaseModel):
        return body.model_dump_json(exclude_unset=True).encode(), "application/json"
    return json.dumps(body, separators=(",", ":")).encode(), "application/json"


def read_answer(call: Call[AnswerT], reply: Reply) -> AnswerT:
    """Read a reply as the answer to its call.

    Raises:
        ApiError: The server answered with an error, or with something that is no answer to this call.
    """
    if reply.status >= 400:
        raise error_of(call, reply)
    if call.answer is bytes:
        return cast(AnswerT, reply.content)
    try:
        answer: AnswerT = _adapter(cast(Hashable, call.answer)).validate_json(reply.content or b"null")
    except ValidationError as error:
        place, reason = first_problem(error.errors())
        raise ApiError(
            reply.status,
            "unreadable_answer",
            f"the answer to {call.method} {call.path} cannot be read ({place or 'body'}: {reason}); "
            "is ALISIO_API_URL the address of an Alisio API of this version?",
        ) from error
    return answer


def error_of(call: Call[Any], reply: Reply) -> ApiError:
    """Turn an error's reply into the exception that says it."""
    kind = _ERRORS.get(reply.status, ApiError)
    try:
        body = ErrorBody.model_validate_json(reply.content)
    except ValidationError:
        return kind(
            reply.status,
            "unexpected_answer",
            f"{call.method} {call.path} was answered with status {reply.status}, which is not from an Alisio API; "
            "check ALISIO_API_URL",
        )
    if body.code == "route_not_found":
        body.message = (
            f"the server has no {call.method} {call.path}; ALISIO_API_URL must end in /api, "
            "and the server be of this version"
        )
    return kind(reply.status, body.code, body.message, body.field)


def delay_before_retry(call: Call[Any], failures: int, reply: Reply | None, retry_after: str | None) -> float | None:
    """Decide whether a call is sent again.

    Args:
        call: The call.
        failures: How many times it has failed, this one included.
        reply: What came back; None where the connection failed.
        retry_after: The reply's `Retry-After` header.

    Returns:
        Seconds to wait before sending it again, or None: the failure stands.
    """
    refused_unread = reply is not None and reply.status == 429
    if failures > len(_DELAYS_SECONDS) or not (call.repeatable or refused_unread):
        return None
    if reply is not None and reply.status not in _RETRIED:
        return None
    delay = _DELAYS_SECONDS[failures - 1]
    if retry_after is not None and retry_after.isdecimal():
        delay = max(delay, min(float(retry_after), _LONGEST_DELAY_SECONDS))
    return delay


@cache
def _adapter(answer: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, answer))
