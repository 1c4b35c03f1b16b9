"""JSON Schema (draft 2020-12) by schemas that nobody vouches for: in bounded time, and without a network.

Patterns are matched by pydantic's engine, whose time grows with the text alone; Python's own can take for ever.
Everything is lazily imported: it costs 30 ms that no run by hand should pay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from alisio.contract.base import JsonObject

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

CHECK_SECONDS = 2.0
_MAX_ERRORS = 20
_deadline: ContextVar[float] = ContextVar("deadline")

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[Any] | None]


class UncheckableError(Exception):
    """A schema cannot be used, or not in bounded time. The text is one line."""


def schema_errors(schema: JsonObject) -> list[ValidationError]:
    """Check a schema against the schema of schemas.

    Returns:
        What is wrong with it: nothing, or the first problems.

    Raises:
        UncheckableError: It is too deep or too large to tell.
    """
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(formats=())
    formats.checks("regex")(_is_pattern)
    return _errors(lambda: _validator()(Draft202012Validator.META_SCHEMA, format_checker=formats), schema, None)


def value_errors(schema: JsonObject, value: JsonObject, keep: Callable[[Any], bool]) -> list[ValidationError]:
    """Check a value against a schema.

    Args:
        schema: A schema that `schema_errors` finds nothing wrong with.
        value: What to check.
        keep: Which errors count.

    Returns:
        The first errors that count.

    Raises:
        UncheckableError: The schema refers to something outside of it, or to itself without end, or the check
            takes too long.
    """
    from referencing import Registry

    # An empty registry: references that lead out of the schema are not followed.
    return _errors(lambda: _validator()(schema, registry=Registry()), value, keep)


def _errors(make: Callable[[], Any], value: Any, keep: Callable[[Any], bool] | None) -> list[ValidationError]:
    from referencing.exceptions import Unresolvable

    with _limited_time():
        try:
            return list(islice(filter(keep, make().iter_errors(value)), _MAX_ERRORS))
        except Unresolvable as error:
            raise UncheckableError(f"it refers to what is not in it: {error}") from error
        except RecursionError as error:
            raise UncheckableError("it is nested too deeply, or refers to itself without end") from error
        except (ValueError, OverflowError) as error:
            raise UncheckableError(str(error)) from error


@contextmanager
def _limited_time() -> Iterator[None]:
    token = _deadline.set(time.monotonic() + CHECK_SECONDS)
    try:
        yield
    finally:
        _deadline.reset(token)


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    ours: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "unevaluatedProperties": _unevaluated_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {**Draft202012Validator.VALIDATORS, **ours}
    timed = {name: _timed(keyword) for name, keyword in keywords.items()}
    return extend(Draft202012Validator, timed)  # type: ignore[no-untyped-call]


def _timed(keyword: Keyword) -> Keyword:
    def check(validator: Any, wanted: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if time.monotonic() > _deadline.get():
            raise UncheckableError(f"checking by it takes more than {CHECK_SECONDS:g} seconds")
        yield from keyword(validator, wanted, instance, schema) or ()

    return check


@lru_cache(maxsize=1_000)
def _matcher(pattern: str) -> Callable[[str], bool]:
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        matches: Callable[[str], bool] = SchemaValidator(core_schema.str_schema(pattern=pattern)).isinstance_python
    except SchemaError as error:
        reason = " ".join(str(error).splitlines()[-1].removeprefix("error:").split())
        raise UncheckableError(f"the pattern {pattern[:100]!r} cannot be used: {reason}") from error
    return matches


def _is_pattern(value: object) -> bool:
    return not isinstance(value, str) or _matcher(value) is not None


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Mapping[str, Any]) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not _matcher(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Mapping[str, Any]
) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for name in filter(_matcher(pattern), instance):
                yield from validator.descend(instance[name], subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[Any] | None:
    """Check as jsonschema does, with the names that fit a pattern among those that are known."""
    from jsonschema import Draft202012Validator

    plain = dict(schema)
    patterns = plain.pop("patternProperties", {})
    if patterns and validator.is_type(instance, "object"):
        fitting = [name for name in instance if any(_matcher(pattern)(name) for pattern in patterns)]
        plain["properties"] = dict.fromkeys(fitting, True) | plain.get("properties", {})
    check: Keyword = Draft202012Validator.VALIDATORS["additionalProperties"]
    return check(validator, wanted, instance, plain)


def _unevaluated_properties(_validator: Any, _wanted: Any, _instance: Any, _schema: Mapping[str, Any]) -> Iterator[Any]:
    raise UncheckableError("unevaluatedProperties is not supported: say additionalProperties")


def _unique_items(validator: Any, wanted: bool, instance: Any, _schema: Mapping[str, Any]) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if wanted and validator.is_type(instance, "array") and len({_key(item) for item in instance}) < len(instance):
        yield ValidationError("its items are not all different")


def _key(value: Any) -> Any:
    """Give what is equal for values that JSON Schema calls equal, and can be hashed."""
    if isinstance(value, dict):
        return "object", frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(_key(item) for item in value)
    return ("boolean", value) if isinstance(value, bool) else value
