"""Types of fields for blocks."""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler, Secret
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

__all__ = ["SecretDict"]

_SHOWN = "**********"


class SecretDict(Secret[dict[str, Any]]):
    """A dictionary whose values are secrets: its keys are shown, its values are not.

    class Login(Block):
        secrets: SecretDict

    Login(secrets={"password": "…"}).secrets.get_secret_value()["password"]
    """

    def _display(self) -> str:
        return str(dict.fromkeys(self.get_secret_value(), _SHOWN))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe it as an object whose values are written and never shown."""
        described = handler(schema)
        described["additionalProperties"] = {"writeOnly": True, "format": "password"}
        return described
