"""From the fields of a block to JSON data, its secrets in plain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from alisio.contract.block_secrets import DataPath
from alisio.exceptions import BlockError

_SECRETS = (Secret, SecretStr, SecretBytes)


def key_of(name: str, field: FieldInfo) -> str:
    """Tell by what name a field is read, and stands in the schema: its alias, where it has one."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else field.alias or name


class Dumper:
    """Writes fields as JSON data, and takes note of where it found secrets.

    Args:
        nested: Says what stands for a block within the block; None: its fields.

    Attributes:
        secrets: The paths of what was secret.
    """

    def __init__(self, nested: Callable[[BaseModel], dict[str, Any] | None]) -> None:
        self._nested = nested
        self.secrets: list[DataPath] = []

    def fields(self, model: BaseModel, path: DataPath = ()) -> dict[str, Any]:
        """Write the declared fields of a model, by the names that its schema has.

        Raises:
            BlockError: A value has no form in JSON; the message names its place, and not the value.
        """
        return {
            (key := key_of(name, field)): self._value(getattr(model, name), (*path, key))
            for name, field in type(model).model_fields.items()
        }

    def _value(self, value: Any, path: DataPath) -> Any:
        if isinstance(value, _SECRETS):
            return self._secret(value.get_secret_value(), path)
        if isinstance(value, BaseModel):
            reference = self._nested(value)
            if reference is not None and "$ref" in reference:
                return reference
            return {**(reference or {}), **self.fields(value, path)}
        if isinstance(value, Mapping):
            return {str(key): self._value(inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(inner, (*path, str(index))) for index, inner in enumerate(value)]
        if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
            return value
        return self._written(value, path)

    def _secret(self, value: Any, path: DataPath) -> Any:
        if isinstance(value, Mapping):
            self.secrets += [(*path, str(key)) for key in value]
        elif value is not None:
            self.secrets.append(path)
        return self._value(value, path)

    def _written(self, value: Any, path: DataPath) -> Any:
        try:
            return to_jsonable_python(value)
        except (PydanticSerializationError, UnicodeDecodeError):
            where = ".".join(path)
            # Not chained: the text of the cause may hold the value.
            raise BlockError(f"{where}: a {type(value).__name__} cannot be stored as JSON") from None
