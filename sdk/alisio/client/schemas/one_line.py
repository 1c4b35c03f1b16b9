"""Models that users make by hand: what does not fit is told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from alisio.contract.base import first_problem


def one_line(kind: type[BaseModel], error: ValidationError) -> str:
    """Say what does not fit a model, and where: the first place alone."""
    problems = error.errors(include_url=False)
    place, reason = first_problem(problems)
    if problems[0]["type"] == "extra_forbidden" and len(problems[0]["loc"]) == 1:
        reason = f"there is no such field; it has {', '.join(kind.model_fields)}"
    return f"{kind.__name__}: {place}: {reason}" if place else f"{kind.__name__}: {reason}"


class ToldInOneLine(BaseModel):
    """A model that raises a `ValueError` of one line where it is made of what does not fit."""

    if not TYPE_CHECKING:  # checkers know the fields

        def __init__(self, /, **given: Any) -> None:
            try:
                super().__init__(**given)
            except ValidationError as error:
                raise ValueError(one_line(type(self), error)) from None

        # To pydantic it is its own: within other models they are checked without it, so that the place is told.
        __init__.__pydantic_base_init__ = True
