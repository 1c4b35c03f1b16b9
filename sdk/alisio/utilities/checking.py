"""Making a model of the contract from what user code gave, with one line where it does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound="BaseModel")


def build(what: str, model: type[ModelT], values: dict[str, Any]) -> ModelT:
    """Make a model.

    Args:
        what: What it is, for the error: `variable 'answer'`.
        model: Its class.
        values: Its fields.

    Raises:
        ValueError: A value does not fit; the line names the field.
    """
    from pydantic import ValidationError

    from alisio.contract.base import first_problem

    try:
        return model(**values)
    except ValidationError as error:
        place, reason = first_problem(error.errors())
        raise ValueError(f"{what}: {place}: {reason}") from None
