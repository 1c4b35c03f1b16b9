"""Names of runs from templates such as `hello-{name}-on-{date:%A}`, or from functions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from string import Formatter
from typing import Any

from alisio.engine.definition import Definition
from alisio.engine.jsonable import clean_text
from alisio.exceptions import ParameterError

MAX_NAME = 500
_NUMBER = re.compile(r"\d+")


class _BoundedFormatter(Formatter):
    """Formats as `str.format` does, but pads nothing beyond the longest name: the width may be a parameter's value."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, str | int | float | complex | Decimal):
            for number in _NUMBER.findall(format_spec):
                if int(number) > MAX_NAME:
                    raise ValueError(f"a width or precision of more than {MAX_NAME} makes no name")
        return format(value, format_spec)


_formatter = _BoundedFormatter()


def make_run_name(definition: Definition, parameters: Mapping[str, Any]) -> str | None:
    """Name a run as its flow or task wants it.

    Args:
        definition: The flow or task.
        parameters: All its parameters, the defaults included.

    Returns:
        The name, or None where the definition has no opinion.

    Raises:
        ParameterError: The template does not fit the parameters, or the function failed or gave no text.
    """
    wanted = definition.run_name
    if wanted is None:
        return None
    option = f"{definition.kind}_run_name of {definition.kind} {definition.name!r}"
    if isinstance(wanted, str):
        try:
            name = _formatter.vformat(wanted, (), {**_owner(definition.fn), **parameters})
        except Exception as error:
            raise ParameterError(f"{option} does not fit the parameters: {error}") from error
    else:
        try:
            takes_parameters = "parameters" in inspect.signature(wanted).parameters
            name = wanted(parameters=dict(parameters)) if takes_parameters else wanted()
        except Exception as error:
            raise ParameterError(f"{option} raised {type(error).__name__}: {error}") from error
    if not isinstance(name, str) or not name:
        raise ParameterError(f"{option} must give a text that is not empty, not {name!r}")
    return clean_text(name, MAX_NAME)


def _owner(function: Callable[..., Any]) -> dict[str, Any]:
    """Give what a method is bound to, by the name that it has for it, such as `self`."""
    if not inspect.ismethod(function):
        return {}
    names = inspect.signature(function.__func__).parameters
    return {next(iter(names)): function.__self__} if names else {}
