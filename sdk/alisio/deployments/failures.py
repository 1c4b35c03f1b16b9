"""What can go wrong with a project before any server is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alisio.contract.base import first_problem
from alisio.exceptions import AlisioError

if TYPE_CHECKING:
    from pydantic import ValidationError


class ProjectError(AlisioError):
    """A project file, or the folder it is in, cannot be deployed. Its text is one line that names the place."""


def reason_of(error: ValidationError) -> str:
    """Say in one line what is wrong with a value that does not fit its model."""
    return first_problem(error.errors())[1]
