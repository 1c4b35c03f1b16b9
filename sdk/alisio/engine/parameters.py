"""Parameters of flows: checked and converted by their type hints, and described as a JSON Schema.

pydantic is imported only when a value needs it: one that is exactly of a simple type's kind does not.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alisio.exceptions import ParameterError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from alisio.flows import Flow

_SIMPLE = frozenset({bool, int, float, str, bytes, type(None)})
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def validated(flow: Flow[Any, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Check the given parameters by the flow's type hints, and convert them to these types.

    Args:
        flow: Whose parameters.
        parameters: The arguments that were given, by name.

    Returns:
        New parameters; those without a hint, and `*args` and `**kwargs`, are as they were.

    Raises:
        ParameterError: A value does not fit; the message names the parameter.
    """
    hints = read_hints(flow)
    doubtful = {
        name: value
        for name, value in parameters.items()
        if name in hints and not (hints[name] in _SIMPLE and type(value) is hints[name])
    }
    if not doubtful:
        return parameters
    from pydantic import ValidationError

    fields = {name: f"p{place}" for place, name in enumerate(hints)}
    try:
        model = _model(flow.fn)
        checked = model.model_validate(doubtful)
    except ValidationError as error:
        raise ParameterError(_one_line(flow, error)) from None
    except Exception as error:
        fault = " ".join(str(error).split())
        raise ParameterError(
            f"flow {flow.name!r}: its type hints cannot be used to check parameters: {fault}"
        ) from error
    return {name: getattr(checked, fields[name]) if name in doubtful else value for name, value in parameters.items()}


def parameter_schema(flow: Flow[Any, Any]) -> dict[str, Any]:
    """Describe a flow's parameters.

    Returns:
        A JSON Schema (draft 2020-12) of an object; a parameter whose type has none may be anything.

    Raises:
        ParameterError: The type hints cannot be read.
    """
    hints = read_hints(flow)
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in flow.signature.parameters.items():
        if parameter.kind in _VARIADIC:
            continue
        properties[name] = {"title": name} | _schema_of(hints.get(name, Any), definitions)
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            _add_default(properties[name], parameter.default)
    kinds = {parameter.kind for parameter in flow.signature.parameters.values()}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": inspect.Parameter.VAR_KEYWORD in kinds,
    }
    return schema | ({"$defs": definitions} if definitions else {})


def read_hints(flow: Flow[Any, Any]) -> dict[str, Any]:
    """Read the type hints of a flow's parameters, those that say something.

    Raises:
        ParameterError: A hint cannot be read.
    """
    try:
        return _hints(flow.fn)
    except Exception as error:
        raise ParameterError(f"flow {flow.name!r}: a type hint cannot be read: {error}") from error


@functools.lru_cache(maxsize=256)
def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    if not getattr(fn, "__annotations__", None):
        return {}
    hints = typing.get_type_hints(fn, include_extras=True)
    return {
        name: hints[name]
        for name, parameter in inspect.signature(fn).parameters.items()
        if name in hints and hints[name] is not Any and parameter.kind not in _VARIADIC
    }


@functools.lru_cache(maxsize=256)
def _model(fn: Callable[..., Any]) -> type[BaseModel]:
    # Fields have names of their own, as a parameter may be called `schema` or `_x`; the aliases are theirs.
    from pydantic import ConfigDict, Field, create_model

    fields: dict[str, Any] = {
        f"p{place}": (hint, Field(default=None, alias=name, validate_default=False))
        for place, (name, hint) in enumerate(_hints(fn).items())
    }
    config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    return create_model("Parameters", __config__=config, **fields)


def _one_line(flow: Flow[Any, Any], error: Any) -> str:
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    given = repr(first["input"])
    given = given if len(given) <= 80 else f"{given[:79]}…"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"flow {flow.name!r}: parameter {where!r}: {first['msg']}, not {given}{more}"


def _schema_of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    if hint is Any:
        return {}
    try:
        schema = TypeAdapter(hint).json_schema()
    except (PydanticUserError, NameError):
        return {}
    definitions.update(schema.pop("$defs", {}))
    return schema


def _add_default(schema: dict[str, Any], default: Any) -> None:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        schema["default"] = to_jsonable_python(default)
    except (PydanticSerializationError, ValueError):
        return
