"""The schema of a block class, with all that is secret marked `writeOnly`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from inspect import isabstract
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, Secret

from alisio.blocks.dumping import key_of
from alisio.blocks.fields import SecretDict
from alisio.contract.block_secrets import Patterns, secret_patterns
from alisio.contract.blocks import BlockSchemaSpec, schema_checksum
from alisio.exceptions import InvalidBlockRegistrationError

if TYPE_CHECKING:
    from alisio.blocks.core import Block


@cache
def fields_of(block_class: type[Block]) -> dict[str, Any]:
    """Write the JSON Schema of a block class.

    Raises:
        InvalidBlockRegistrationError: A field has a type that has no schema.
    """
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        schema = block_class.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        reason = str(error).splitlines()[0]
        raise InvalidBlockRegistrationError(f"{block_class.__name__} has no JSON schema: {reason}") from error
    _mark(schema, block_class)
    for model in _models_in(block_class):
        _mark(schema.get("$defs", {}).get(model.__name__, {}), model)
    return schema


@cache
def checksum_of(block_class: type[Block]) -> str:
    """Tell the checksum of a block class's schema."""
    return schema_checksum(fields_of(block_class))


@cache
def secrets_of(block_class: type[Block]) -> Patterns:
    """Tell where the secrets of a block class are.

    Raises:
        InvalidBlockRegistrationError: Its schema stands for too much to be looked through.
    """
    try:
        return Patterns(secret_patterns(fields_of(block_class)))
    except ValueError as error:
        raise InvalidBlockRegistrationError(f"{block_class.__name__}: its schema cannot be used: {error}") from error


def spec_of(block_class: type[Block]) -> BlockSchemaSpec:
    """Write what is registered of a block class's schema."""
    return BlockSchemaSpec(
        fields=fields_of(block_class),
        capabilities=sorted(block_class.get_block_capabilities()),
        version=block_class.get_block_schema_version(),
    )


def nested_in(block_class: type[Block]) -> Iterator[type[Block]]:
    """Yield the block classes that the fields of a block class name and of which there are blocks, each once."""
    from alisio.blocks.core import Block

    for model in _models_in(block_class):
        if issubclass(model, Block) and model is not Block and not isabstract(model):
            yield model


def _models_in(model: type[BaseModel]) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    todo = [model]
    while todo:
        for field in todo.pop().model_fields.values():
            for part in _parts(field.annotation):
                if isinstance(part, type) and issubclass(part, BaseModel) and part not in (*found, model):
                    found.append(part)
                    todo.append(part)
    return found


def _mark(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Mark the fields of the type `Secret[…]`, which pydantic describes by what is in them."""
    for name, field in model.model_fields.items():
        described = schema.get("properties", {}).get(key_of(name, field))
        if described is not None and any(_is_plain_secret(part) for part in _parts(field.annotation)):
            described["writeOnly"] = True


def _is_plain_secret(part: Any) -> bool:
    kind = get_origin(part) or part
    return isinstance(kind, type) and issubclass(kind, Secret) and not issubclass(kind, SecretDict)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
