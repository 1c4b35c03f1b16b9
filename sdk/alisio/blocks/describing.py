"""What a block class says of itself: its type's name and slug, what it is for, what its blocks can do."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from alisio.blocks.naming import description_in, example_in, slug_of


def _describe(schema: dict[str, Any], described: type[Any]) -> None:
    """Say which type it is; and leave out the docstring, as better words make no other schema."""
    schema.pop("description", None)
    schema["block_type_slug"] = described.get_block_type_slug()


class Described(BaseModel):
    """The part of `Block` that people and forms are told.

    A subclass may say how it is shown: `_block_type_name`, `_block_type_slug`, `_description`, `_code_example`,
    `_logo_url`, `_documentation_url`; and what its blocks can do: `_block_schema_capabilities`.
    """

    # What is stored may be secret, so no error shows it.
    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, json_schema_extra=_describe)

    _block_type_name: ClassVar[str | None] = None
    _block_type_slug: ClassVar[str | None] = None
    _description: ClassVar[str | None] = None
    _code_example: ClassVar[str | None] = None
    _logo_url: ClassVar[Any] = None
    _documentation_url: ClassVar[Any] = None
    _block_schema_capabilities: ClassVar[list[str]] = []
    _block_schema_version: ClassVar[str | None] = None

    @classmethod
    def get_block_type_name(cls) -> str:
        """Tell what people call the type."""
        return cls._setting("_block_type_name") or cls.__name__

    @classmethod
    def get_block_type_slug(cls) -> str:
        """Tell what the type is known by.

        Raises:
            InvalidBlockRegistrationError: Its name has no letter or digit.
        """
        return cls._setting("_block_type_slug") or slug_of(cls.get_block_type_name())

    @classmethod
    def get_description(cls) -> str | None:
        """Tell what the type is for: what the class says, or the beginning of its docstring."""
        return cls._setting("_description") or description_in(cls.__dict__.get("__doc__"))

    @classmethod
    def get_code_example(cls) -> str | None:
        """Give an example: what the class says, or that of its docstring."""
        return cls._setting("_code_example") or example_in(cls.__dict__.get("__doc__"))

    @classmethod
    def get_logo_url(cls) -> str | None:
        """Tell where the type's logo is."""
        url = cls._setting("_logo_url")
        return None if url is None else str(url)

    @classmethod
    def get_documentation_url(cls) -> str | None:
        """Tell where the type is documented."""
        url = cls._setting("_documentation_url")
        return None if url is None else str(url)

    @classmethod
    def get_block_capabilities(cls) -> frozenset[str]:
        """Tell what blocks of the type can do, with all that its bases say."""
        said = (getattr(base, "_block_schema_capabilities", None) or () for base in cls.__mro__)
        return frozenset(capability for capabilities in said for capability in capabilities)

    @classmethod
    def get_block_schema_version(cls) -> str | None:
        """Tell the version of what defines the class."""
        version = cls._setting("_block_schema_version")
        return None if version is None else str(version)

    @classmethod
    def _setting(cls, name: str) -> Any:
        """Read a setting that the class itself makes: a subclass is a type of its own."""
        private = cls.__private_attributes__.get(name)
        # Somebody wrote it with a type, and pydantic took it for a value of each block.
        return cls.__dict__.get(name) if private is None else private.get_default()
