"""Blocks for single values: a secret, JSON, a text, an instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field, SecretBytes, SecretStr, field_validator
from pydantic import Secret as PydanticSecret

from alisio.blocks.core import Block

__all__ = ["JSON", "DateTime", "Secret", "String"]


class Secret(Block):
    """A value that is to be kept secret: it is stored encrypted, and shown as a mask.

    Attributes:
        value: A text, or any other value that has a form in JSON.

    Example:
        from alisio.blocks.system import Secret

        Secret(value="swordfish").save("door")
        Secret.load("door").get()
    """

    value: PydanticSecret[Any] = Field(
        description="The value that is to be kept secret.",
        json_schema_extra={"writeOnly": True, "format": "password"},
    )

    @field_validator("value", mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        return value.get_secret_value() if isinstance(value, SecretStr | SecretBytes) else value

    def get(self) -> Any:
        """Give the value itself."""
        return self.value.get_secret_value()


class JSON(Block):
    """A value that has a form in JSON.

    Attributes:
        value: The value.

    Example:
        from alisio.blocks.system import JSON

        JSON(value={"regions": ["eu", "us"]}).save("places")
        JSON.load("places").value
    """

    value: Any = Field(description="A value that has a form in JSON.")


class String(Block):
    """A text.

    Attributes:
        value: The text.

    Example:
        from alisio.blocks.system import String

        String(value="hello").save("greeting")
        String.load("greeting").value
    """

    value: str = Field(description="A text.")


class DateTime(Block):
    """An instant.

    Attributes:
        value: The instant.

    Example:
        from alisio.blocks.system import DateTime

        DateTime(value="2026-03-01T09:30:00+01:00").save("opening")
        DateTime.load("opening").value
    """

    _block_type_name = "Date Time"

    value: datetime = Field(description="An instant, in ISO 8601.")
