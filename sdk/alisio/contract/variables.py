"""Variables: small values with a name, which flows and people share."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from alisio.contract.base import Answer, PageRequest, Request, Tag, Timestamp
from alisio.contract.json_values import checked_json

MAX_VARIABLE_CHARACTERS = 5_000
_MAX_BYTES = 4 * MAX_VARIABLE_CHARACTERS
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def _checked_name(name: str) -> str:
    if not set(name) <= _NAME:
        raise ValueError(f"a variable's name has small letters a to z, digits and underscores, unlike {name!r}")
    return name


def _checked_value(value: Any) -> Any:
    plain = checked_json(value, _MAX_BYTES)
    length = len(json.dumps(plain, ensure_ascii=False))
    if length > MAX_VARIABLE_CHARACTERS:
        raise ValueError(f"may have {MAX_VARIABLE_CHARACTERS:,} characters as JSON, not {length:,}")
    return plain


VariableName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_checked_name)]


class VariableSet(Request):
    """Body of `POST /api/variables`.

    Attributes:
        value: Anything that JSON can say, in 5,000 characters.
        tags: For people.
        overwrite: Whether a variable of this name that is there already gets this value and these tags; otherwise
            it is refused with 409 `variable_exists`.
    """

    name: VariableName
    value: Annotated[Any, AfterValidator(_checked_value)]
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    overwrite: bool = False


class VariableRecord(Answer):
    """A variable as it is stored."""

    id: UUID
    name: str
    value: Any
    tags: list[str] = Field(default_factory=list)
    created: Timestamp
    updated: Timestamp


class VariableSort(StrEnum):
    """Orders of variables."""

    NAME_ASC = "name_asc"
    NAME_DESC = "name_desc"
    CREATED_DESC = "created_desc"
    UPDATED_DESC = "updated_desc"


class VariableFilter(Request):
    """Which variables. Fields narrow each other; a list means "any of these", but `tags` "all of these"."""

    names: list[str] | None = Field(default=None, max_length=200)
    name_contains: str | None = Field(default=None, max_length=200)
    tags: list[str] | None = Field(default=None, max_length=100)


class VariableQuery(PageRequest):
    """Body of `POST /api/variables/filter`."""

    filter: VariableFilter = Field(default_factory=VariableFilter)
    sort: VariableSort = VariableSort.NAME_ASC
