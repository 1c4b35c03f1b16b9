"""Saving, loading and removing blocks through the API: what `Block`'s methods do, in both of their forms."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from alisio.blocks.dumping import Dumper, key_of
from alisio.blocks.schemas import checksum_of, nested_in, secrets_of, spec_of
from alisio.client import Client, open_client
from alisio.contract.base import first_problem
from alisio.contract.blocks import (
    BLOCK_REFERENCE,
    BlockDocument,
    BlockDocumentCreate,
    BlockTypeSpec,
    RevealedBlock,
)
from alisio.exceptions import BlockError, ConflictError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from alisio.blocks.core import Block

AnyBlock = TypeVar("AnyBlock", bound="Block")
TYPE_KEY = "$block_type_slug"
"""The key by which a block that lies whole within another one says what it is."""
_UNREGISTERED = ("block_type_not_found", "block_schema_not_found")


def register(block_class: type[Block]) -> None:
    """Make a block class and those that its fields name known to the server.

    Raises:
        InvalidBlockRegistrationError: It is none of which blocks can be saved.
        ApiError: The server refuses.
    """
    with open_client() as client:
        _register(client, block_class)


def save(block: Block, name: str, *, overwrite: bool) -> UUID:
    """Store the fields of a block, and have it know its document.

    Args:
        block: The block.
        name: What it is to be known by.
        overwrite: Whether another one of that name becomes like this.

    Returns:
        The id of the document.

    Raises:
        BlockError: There is one of that name, or a field cannot be stored.
        InvalidBlockRegistrationError: Of its class no blocks can be saved.
        ApiError: The server refuses.
    """
    block_class = type(block)
    checksum = checksum_of(block_class._checked_for_registration())
    request = _request(block, name, checksum, overwrite=overwrite)
    with open_client() as client:
        try:
            document = _store(client, block_class, request)
        except (ConflictError, InvalidInputError) as error:
            more = " (save it with overwrite=True)" if error.code == "block_document_exists" else ""
            raise BlockError(error.message + more) from error
    block._remember(document.id, document.name)
    return document.id


def load(block_class: type[AnyBlock], slug: str, name: str, *, validate: bool) -> AnyBlock:
    """Load the block of a type and a name.

    Args:
        block_class: What it must be.
        slug: Of its type.
        name: Of the document.
        validate: Whether its fields must fit the class.

    Raises:
        BlockError: There is none such, or it does not fit.
        UnknownBlockTypeError: Its class was not imported.
        ApiError: The server refuses.
    """
    with open_client() as client:
        try:
            revealed = client.reveal_block_document_by_name(slug, name)
        except (NotFoundError, ConflictError) as error:
            raise BlockError(error.message) from error
    return Builder(revealed).build(block_class, validate=validate)


def load_by_id(block_class: type[AnyBlock], document_id: UUID, *, validate: bool) -> AnyBlock:
    """Load the block of an id; see `load`."""
    with open_client() as client:
        try:
            revealed = client.reveal_block_document(document_id)
        except (NotFoundError, ConflictError) as error:
            raise BlockError(error.message) from error
    return Builder(revealed).build(block_class, validate=validate)


def delete(slug: str, name: str) -> None:
    """Remove the block of a type and a name.

    Raises:
        BlockError: There is none such, or others hold it.
        ApiError: The server refuses.
    """
    with open_client() as client:
        try:
            client.delete_block_document(client.read_block_document_by_name(slug, name).id)
        except (NotFoundError, ConflictError) as error:
            raise BlockError(error.message) from error


def _register(client: Client, block_class: type[Block]) -> None:
    for known in (*nested_in(block_class), block_class):
        known._checked_for_registration()
        spec = BlockTypeSpec(
            name=known.get_block_type_name(),
            block_schema=spec_of(known),
            description=known.get_description(),
            code_example=known.get_code_example(),
            documentation_url=known.get_documentation_url(),
            logo_url=known.get_logo_url(),
        )
        client.register_block_type(known.get_block_type_slug(), spec)


def _store(client: Client, block_class: type[Block], request: BlockDocumentCreate) -> BlockDocument:
    """Save a document; where its type or schema is not known, register that first."""
    try:
        return client.save_block_document(request)
    except NotFoundError as error:
        if error.code not in _UNREGISTERED:
            raise
    _register(client, block_class)
    return client.save_block_document(request)


def _request(block: Block, name: str, checksum: str, *, overwrite: bool) -> BlockDocumentCreate:
    slug, data = block.get_block_type_slug(), _data_of(block)
    try:
        return BlockDocumentCreate(
            block_type_slug=slug, name=name, data=data, schema_checksum=checksum, overwrite=overwrite
        )
    except ValidationError as error:
        where, reason = first_problem(error.errors())
        # Not chained: pydantic's own text holds what is to be stored.
        raise BlockError(f"the block {slug}/{name} cannot be saved: {where}: {reason}") from None


def _data_of(block: Block) -> dict[str, Any]:
    """Write the data of a block, and make sure that its schema knows of all that is secret in it."""
    dumper = Dumper(_reference_to)
    data = dumper.fields(block)
    known = secrets_of(type(block))
    for path in dumper.secrets:
        if not known.match(path):
            where = ".".join(path)
            raise BlockError(
                f"{where} of a {type(block).__name__} holds a secret, which its type does not tell: annotate it with "
                "SecretStr, Secret[…] or SecretDict, or save the block that is in it first"
            )
    return data


def _reference_to(model: BaseModel) -> dict[str, Any] | None:
    from alisio.blocks.core import Block

    if not isinstance(model, Block):
        return None
    if model._block_document_id is not None:
        return {BLOCK_REFERENCE: {"block_document_id": str(model._block_document_id)}}
    return {TYPE_KEY: model.get_block_type_slug()}


class Builder:
    """Makes blocks of what the server has revealed.

    Args:
        revealed: A document with those that it holds.
    """

    def __init__(self, revealed: RevealedBlock) -> None:
        self._document = revealed.document
        self._held = {str(document_id): document for document_id, document in revealed.held.items()}
        self._entered: set[UUID] = set()

    def build(self, wanted: type[AnyBlock], *, validate: bool) -> AnyBlock:
        """Make the block.

        Args:
            wanted: What it must be.
            validate: Whether its fields must fit the class; else what does not is taken as it is, and what is
                missing is None.

        Raises:
            BlockError: It is something else, or does not fit.
            UnknownBlockTypeError: Its class was not imported.
        """
        document = self._document
        if wanted.get_block_type_slug() == document.block_type_slug:
            return self._make(wanted, document, validate=validate)
        found = wanted.get_block_class_from_key(document.block_type_slug)
        if not issubclass(found, wanted):
            what = f"{document.block_type_slug}/{document.name}"
            raise BlockError(f"the block {what} is a {found.__name__}, not a {wanted.__name__}")
        return self._make(found, document, validate=validate)

    def _make(self, block_class: type[AnyBlock], document: BlockDocument, *, validate: bool) -> AnyBlock:
        what = f"{document.block_type_slug}/{document.name}"
        if document.id in self._entered:
            raise BlockError(f"the block {what} holds itself: save one of those between anew")
        self._entered.add(document.id)
        data = {name: self._value(value) for name, value in document.data.items()}
        self._entered.discard(document.id)
        if document.schema_checksum != checksum_of(block_class):
            warnings.warn(
                f"the block {what} was saved with another schema than {block_class.__name__} has now",
                UserWarning,
                stacklevel=2,
            )
        block = self._checked(block_class, data, what) if validate else _unchecked(block_class, data)
        block._remember(document.id, document.name)
        return block

    def _checked(self, block_class: type[AnyBlock], data: dict[str, Any], what: str) -> AnyBlock:
        try:
            return block_class.model_validate(data)
        except ValidationError as error:
            where, reason = first_problem(error.errors(include_input=False, include_context=False, include_url=False))
            # Not chained: pydantic's own text may hold what is stored.
            raise BlockError(
                f"the block {what} does not fit {block_class.__name__}: {where}: {reason}; load it with "
                "validate=False, set what is missing, and save it with overwrite=True"
            ) from None

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get(BLOCK_REFERENCE)
        if isinstance(reference, dict) and str(reference.get("block_document_id")) in self._held:
            return self._hydrated(self._held[str(reference["block_document_id"])])
        inner = {key: self._value(item) for key, item in value.items() if key != TYPE_KEY}
        if TYPE_KEY not in value:
            return inner
        from alisio.blocks.core import Block

        found: type[Block] = Block.get_block_class_from_key(value[TYPE_KEY])
        return self._checked(found, inner, f"{value[TYPE_KEY]} within {self._document.name}")

    def _hydrated(self, document: BlockDocument) -> Block:
        from alisio.blocks.core import Block

        found: type[Block] = Block.get_block_class_from_key(document.block_type_slug)
        return self._make(found, document, validate=True)


def _unchecked(block_class: type[AnyBlock], data: dict[str, Any]) -> AnyBlock:
    """Make a block whose fields are as they come: those that fit their types are read by them."""
    values: dict[str, Any] = {}
    for name, field in block_class.model_fields.items():
        key = key_of(name, field)
        if key in data:
            try:
                values[name] = TypeAdapter(field.rebuild_annotation()).validate_python(data[key])
            except ValidationError:
                values[name] = data[key]
        else:
            values[name] = None if field.is_required() else field.get_default(call_default_factory=True)
    return block_class._construct(values)
