"""Checking parameters against the schema of a deployment's flow."""

from __future__ import annotations

from typing import Any

from alisio.contract.base import JsonObject
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.bounded_schema import UncheckableError, schema_errors, value_errors


def check_schema(schema: JsonObject, *, field: str = "parameter_schema") -> None:
    """See to it that a schema is one.

    Args:
        schema: The schema.
        field: Where it stands in the request, for the message.

    Raises:
        InvalidInputError: It is not valid JSON Schema (draft 2020-12).
    """
    try:
        errors = schema_errors(schema)
    except UncheckableError as error:
        raise _unusable(error, field) from error
    if errors:
        message = f"the {_words(field)} is not valid JSON Schema: {_one_line(errors[0].message)}"
        raise InvalidInputError(message, field=field)


def check_parameters(
    schema: JsonObject, parameters: JsonObject, *, field: str = "parameters", complete: bool = True
) -> None:
    """See to it that parameters fit a schema.

    Args:
        schema: JSON Schema (draft 2020-12) of the whole.
        parameters: The parameters.
        field: Where they stand in the request, for the message.
        complete: Whether those that are required must all be there.

    Raises:
        InvalidInputError: They do not fit; it names the first one at fault.
    """
    try:
        errors = value_errors(schema, parameters, lambda error: complete or not _is_missing(error))
    except UncheckableError as error:
        raise _unusable(error) from error
    if errors:
        from jsonschema.exceptions import best_match

        first = best_match(errors)
        path = ".".join([field, *(str(part) for part in first.absolute_path)])
        raise InvalidInputError(f"{path}: {_one_line(_reason(first))}", field=path)


def _unusable(error: UncheckableError, field: str = "parameter_schema") -> InvalidInputError:
    message = f"the {_words(field)} cannot be used: {_one_line(str(error))}"
    return InvalidInputError(message, field=field)


def _words(field: str) -> str:
    return field.replace("_", " ")


def _is_missing(error: Any) -> bool:
    return error.validator == "required" and not error.absolute_path


def _reason(error: Any) -> str:
    """Say what is wrong in the words of a flow's parameters where those of the schema are no help."""
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"{missing!r} is missing"
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = ", ".join(error.schema.get("properties", {})) or "none"
        unknown = next(name for name in error.instance if name not in error.schema.get("properties", {}))
        return f"{unknown!r} is unknown; there are: {known}"
    if error.validator == "anyOf" and all(choice.validator == "type" for choice in error.context):
        types = " or ".join(str(choice.validator_value) for choice in error.context)
        return f"{error.instance!r} is not of type {types}"
    return str(error.message)


def _one_line(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit]}…"
