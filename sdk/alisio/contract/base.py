"""What all wire models share: strictness, time, pages, and the body of an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

Item = TypeVar("Item")

_NAME_PATTERN = r"^[^/%&<>\x00-\x1f\ufffd]+$"
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_NAME_PATTERN)]
"""A name that people choose: no slashes (`flow/deployment` is an address), no control characters, and no U+FFFD,
which stands for a character that was none."""

Tag = Annotated[str, Field(min_length=1, max_length=200)]
JsonObject = dict[str, Any]

MAX_OBJECT_CHARACTERS = 512_000


def _storable_size(value: JsonObject) -> JsonObject:
    # A page of 200 runs shows the parameters of all of them.
    if len(json.dumps(value, ensure_ascii=False)) > MAX_OBJECT_CHARACTERS:
        limit = f"{MAX_OBJECT_CHARACTERS:,} characters as JSON"
        raise ValueError(f"may have {limit}: put what is larger into a file or a store, and say where it lies")
    return value


BoundedObject = Annotated[JsonObject, AfterValidator(_storable_size)]
"""What people give to be stored and shown with runs: parameters, job variables, schemas."""


def _to_utc(value: datetime) -> datetime:
    # A year away from what datetime can hold, so that adding to it never fails.
    if not 1900 <= value.year < 9999:
        raise ValueError("a time is from the years 1900 to 9998")
    return value.astimezone(UTC)


Timestamp = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An instant with its offset, kept in UTC."""

MAX_PAGE = 200

MAX_JSON_DEPTH = 100
"""How many lists and objects of a body may lie in one another; pydantic writes no answer of more than 250."""


class Request(BaseModel):
    """A body that a client sends. Unknown fields are refused, so a typing error is told and not ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A body that the server sends. Unknown fields are ignored, so an older client can read a newer server."""

    model_config = ConfigDict(extra="ignore")


class Page(Answer, Generic[Item]):
    """One page of a listing.

    Attributes:
        items: At most `limit` rows, in the order asked for.
        next_cursor: Give it back as `cursor` for the rows after these; None when there are no more.
    """

    items: list[Item]
    next_cursor: str | None = None


class PageRequest(Request):
    """What every `POST …/filter` body has besides its filters."""

    limit: int = Field(default=50, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(default=None, max_length=500)


class Count(Answer):
    """How many rows match. Exact up to 10,000; beyond that `capped` is true and `count` is 10,000."""

    count: int
    capped: bool = False


class ErrorBody(Answer):
    """What every answer with a status of 400 or more carries.

    Attributes:
        code: A stable word for programs, such as `deployment_not_found`.
        message: One line for people: what is wrong, where, and what to do.
        field: The field of the request at fault, as a dotted path, where there is one.
    """

    code: str
    message: str
    field: str | None = None


def first_problem(problems: Sequence[Any]) -> tuple[str, str]:
    """Read what `ValidationError.errors()` gives.

    Returns:
        Where the first problem is, as a dotted path (empty: the whole), and what it is.
    """
    first = problems[0]
    reason = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] in ("dict_type", "model_type", "model_attributes_type"):
        reason = "must be a mapping of names to values"
    elif first["type"] == "string_pattern_mismatch" and first["ctx"]["pattern"] == _NAME_PATTERN:
        reason = "a name has none of / % & < > and no control characters"
    return ".".join(str(part) for part in first["loc"]), reason


def utc_now() -> datetime:
    """Tell the time in UTC by this process's clock (never used for leases: those go by the database's)."""
    return datetime.now(UTC)
