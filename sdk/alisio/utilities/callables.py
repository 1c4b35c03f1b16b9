"""The parameters of a flow as an object: `flow.parameters`."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, Field

__all__ = ["ParameterSchema"]


class ParameterSchema(BaseModel):
    """The JSON Schema of a flow's parameters.

    Attributes:
        properties: What each parameter may be, by its name.
        required: The names of those without a default.
        definitions: Schemas that the properties refer to.
    """

    title: str = "Parameters"
    type: str = "object"
    properties: dict[str, Any] = Field(default_factory=dict)
    required: list[str] = Field(default_factory=list)
    definitions: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, schema: dict[str, Any]) -> Self:
        """Make it of what `Flow.parameter_schema` gives."""
        return cls(properties=schema["properties"], required=schema["required"], definitions=schema.get("$defs", {}))
