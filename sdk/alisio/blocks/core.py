"""`Block`: configuration as a pydantic model that is stored under a name.

    class Cube(Block):
        edge_length_inches: float

    Cube(edge_length_inches=2.25).save("rubiks-cube")
    Cube.load("rubiks-cube").edge_length_inches

Every method that asks the server blocks in synchronous code; in asynchronous code it gives what is to be awaited. Those
whose names begin with `a` are awaited everywhere.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from importlib import import_module
from inspect import isabstract
from typing import Any, Self, cast
from uuid import UUID

from pydantic import PrivateAttr

from alisio.blocks.describing import Described
from alisio.engine.either import awaited, blocking, either
from alisio.exceptions import BlockError, BlockNotSavedError, InvalidBlockRegistrationError, UnknownBlockTypeError

__all__ = ["Block", "BlockNotSavedError", "InvalidBlockRegistration", "UnknownBlockType"]

_classes: dict[str, type[Block]] = {}
_prepares: ContextVar[bool] = ContextVar("alisio_block_prepares", default=True)
_HOMES = {
    "date-time": "alisio.blocks.system",
    "json": "alisio.blocks.system",
    "local-file-system": "alisio.filesystems",
    "remote-file-system": "alisio.filesystems",
    "secret": "alisio.blocks.system",
    "string": "alisio.blocks.system",
}
"""In which module the class of a type of ours is, so that `Block.load("secret/…")` needs no import."""


def holds_files(slug: str) -> bool:
    """Tell whether the class of a type was imported, and its blocks read and write files by path."""
    known = _classes.get(slug)
    return known is not None and hasattr(known, "read_path") and hasattr(known, "write_path")


class Block(Described):
    """Configuration that is stored under a name, with its secrets encrypted.

    A subclass declares fields as any pydantic model does. What is of a type `SecretStr`, `SecretBytes`, `Secret[…]` or
    `SecretDict` is stored encrypted and shown as a mask. A field may be another block: one that is saved is held by
    reference, any other one lies within this one. How a subclass is shown is told in `Described`.
    """

    _block_document_id: UUID | None = PrivateAttr(default=None)
    _block_document_name: str | None = PrivateAttr(default=None)

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        """Take note of the class, so that blocks of its type can be loaded by their slug."""
        _classes[cls.get_block_type_slug()] = cls

    def model_post_init(self, _context: Any, /) -> None:
        """Let the class prepare what its fields do not say."""
        if _prepares.get():
            self.block_initialization()

    def block_initialization(self) -> None:
        """Prepare a block once its fields are set; for subclasses."""

    @classmethod
    def get_block_class_from_key(cls, key: str) -> type[Any]:
        """Find the class of a type.

        Args:
            key: The slug of the type.

        Raises:
            UnknownBlockTypeError: No class of that type was imported.
        """
        if key not in _classes and key in _HOMES:
            import_module(_HOMES[key])
        if key not in _classes:
            raise UnknownBlockTypeError(f"no class of the block type {key!r} was imported: import the one that it has")
        return _classes[key]

    @classmethod
    def _checked_for_registration(cls) -> type[Self]:
        """Give the class itself, if blocks of it can be saved.

        Raises:
            InvalidBlockRegistrationError: It is `Block`, or has abstract methods.
        """
        if cls is Block or isabstract(cls):
            raise InvalidBlockRegistrationError(
                f"blocks of {cls.__name__} cannot be saved or registered: make a subclass that has all of its methods"
            )
        return cls

    def _remember(self, document_id: UUID, name: str) -> None:
        """Take note of the document that it was saved as or loaded from."""
        self._block_document_id, self._block_document_name = document_id, name

    def get_block_placeholder(self) -> str:
        """Give what stands for this block in templates.

        Raises:
            BlockNotSavedError: It is not saved.
        """
        if self._block_document_name is None:
            raise BlockNotSavedError(f"this {type(self).__name__} has no placeholder before it is saved")
        return f"alisio.blocks.{self.get_block_type_slug()}.{self._block_document_name}"

    @classmethod
    def register_type_and_schema(cls) -> None:
        """Make the class, and those that its fields name, known to the server. Saving does it too.

        Raises:
            InvalidBlockRegistrationError: Of this class no blocks can be saved.
        """
        nothing: None = either(blocking(cls._registering))
        return nothing

    @classmethod
    async def aregister_type_and_schema(cls) -> None:
        """Make the class known to the server; see `register_type_and_schema`."""
        await awaited(blocking(cls._registering))

    def save(self, name: str | None = None, overwrite: bool = False) -> UUID:
        """Store the block.

        Args:
            name: What it is to be known by among those of its type; the name that it has, where it is not given.
            overwrite: Whether another one of that name becomes like this.

        Returns:
            The id of its document.

        Raises:
            BlockError: There is one of that name, or a field cannot be stored.
            InvalidBlockRegistrationError: Of this class no blocks can be saved.
        """
        saved: UUID = either(blocking(partial(self._save, name, overwrite)))
        return saved

    async def asave(self, name: str | None = None, overwrite: bool = False) -> UUID:
        """Store the block; see `save`."""
        return await awaited(blocking(partial(self._save, name, overwrite)))

    @classmethod
    def load(cls, name: str, validate: bool = True) -> Self:
        """Load a block, with its secrets and the blocks that it holds.

        Args:
            name: Its name; or, with its type, `slug/name`.
            validate: Whether its fields must fit this class. With False, what does not fit is taken as it is and what
                is missing is None, so that it can be set and saved anew.

        Raises:
            BlockError: There is none such, it does not fit, or its secrets cannot be decrypted.
            UnknownBlockTypeError: Its class was not imported.
        """
        loaded: Self = either(blocking(partial(cls._load, name, validate)))
        return loaded

    @classmethod
    async def aload(cls, name: str, validate: bool = True) -> Self:
        """Load a block; see `load`."""
        return await awaited(blocking(partial(cls._load, name, validate)))

    @classmethod
    def load_from_ref(cls, ref: str | UUID | dict[str, Any], validate: bool = True) -> Self:
        """Load a block by the id of its document, or by `{"block_document_id": …}` or `{"block_document_slug": …}`.

        Args:
            ref: One of these.
            validate: As for `load`.

        Raises:
            BlockError: It is none of these, or as for `load`.
        """
        loaded: Self = either(blocking(partial(cls._load_ref, ref, validate)))
        return loaded

    @classmethod
    async def aload_from_ref(cls, ref: str | UUID | dict[str, Any], validate: bool = True) -> Self:
        """Load a block by what refers to it; see `load_from_ref`."""
        return await awaited(blocking(partial(cls._load_ref, ref, validate)))

    @classmethod
    def delete(cls, name: str) -> None:
        """Remove a stored block.

        Args:
            name: Its name; or, with its type, `slug/name`.

        Raises:
            BlockError: There is none such, or other blocks hold it.
        """
        nothing: None = either(blocking(partial(cls._delete, name)))
        return nothing

    @classmethod
    async def adelete(cls, name: str) -> None:
        """Remove a stored block; see `delete`."""
        await awaited(blocking(partial(cls._delete, name)))

    @classmethod
    def _construct(cls, values: dict[str, Any]) -> Self:
        """Make a block of fields that need not fit, and so cannot be prepared."""
        token = _prepares.set(False)
        try:
            made: Self = cast(Any, cls).model_construct(**values)
            return made
        finally:
            _prepares.reset(token)

    @classmethod
    def _registering(cls) -> None:
        from alisio.blocks import storing

        storing.register(cls._checked_for_registration())

    def _save(self, name: str | None, overwrite: bool) -> UUID:
        from alisio.blocks import storing

        name = name or self._block_document_name
        if name is None:
            raise BlockError(f"this {type(self).__name__} has no name yet: save it as .save(NAME)")
        return storing.save(self, name, overwrite=overwrite)

    @classmethod
    def _load(cls, name: str, validate: bool) -> Self:
        from alisio.blocks import storing

        return storing.load(cls, *cls._address(name), validate=validate)

    @classmethod
    def _load_ref(cls, ref: str | UUID | dict[str, Any], validate: bool) -> Self:
        from alisio.blocks import storing

        if isinstance(ref, dict) and "block_document_slug" in ref:
            return cls._load(str(ref["block_document_slug"]), validate)
        wanted = ref.get("block_document_id") if isinstance(ref, dict) else ref
        try:
            document_id = wanted if isinstance(wanted, UUID) else UUID(str(wanted))
        except ValueError:
            raise BlockError(
                f"{ref!r} refers to no block: give an id, {{'block_document_id': …}} or {{'block_document_slug': …}}"
            ) from None
        return storing.load_by_id(cls, document_id, validate=validate)

    @classmethod
    def _delete(cls, name: str) -> None:
        from alisio.blocks import storing

        storing.delete(*cls._address(name))

    @classmethod
    def _address(cls, name: str) -> tuple[str, str]:
        """Read a name as the slug of a type and the name of a document."""
        slug, slash, rest = name.partition("/")
        if slash:
            return slug, rest
        if cls is Block:
            raise BlockError(f"{name!r} does not say the block's type: write SLUG/NAME, or use the class of its type")
        return cls.get_block_type_slug(), name


InvalidBlockRegistration = InvalidBlockRegistrationError
UnknownBlockType = UnknownBlockTypeError
