"""Reading block types, and block documents as they may be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select

from alisio.contract.base import Page
from alisio.contract.blocks import BlockDocument, BlockDocumentQuery, BlockSchema, BlockType
from alisio_server.database.block_tables import block_document, block_reference, block_schema, block_type
from alisio_server.database.queries.conditions import any_of, contains, has_all_tags
from alisio_server.database.queries.paging import Order, read_page
from alisio_server.errors import NotFoundError

_TYPES_BY_SLUG = Order("block_types", (block_type.c.slug, block_type.c.id))
_BY_TYPE_AND_NAME = Order("block_documents", (block_type.c.slug, block_document.c.name, block_document.c.id))
_SCHEMA = ("checksum", "fields", "secret_fields", "capabilities", "version", "created")
_TYPES: Select[Any] = select(block_type, *(block_schema.c[name].label(f"schema_{name}_") for name in _SCHEMA)).join(
    block_schema,
    (block_schema.c.block_type_id == block_type.c.id) & (block_schema.c.checksum == block_type.c.schema_checksum),
)
_DOCUMENTS: Select[Any] = select(
    block_document,
    block_type.c.slug,
    block_type.c.name.label("block_type_name"),
).join(block_type, block_type.c.id == block_document.c.block_type_id)


def get_block_type(connection: Connection, slug: str) -> BlockType:
    """Read a block type.

    Raises:
        NotFoundError: There is none such.
    """
    row = connection.execute(_TYPES.where(block_type.c.slug == slug)).one_or_none()
    if row is None:
        raise no_such_type(slug)
    return _build_type(row)


def list_block_types(connection: Connection, *, limit: int, cursor: str | None) -> Page[BlockType]:
    """Read a page of block types by their slugs."""
    return read_page(connection, _TYPES, _TYPES_BY_SLUG, _build_type, limit=limit, cursor=cursor)


def filter_block_documents(connection: Connection, query: BlockDocumentQuery) -> Page[BlockDocument]:
    """Read a page of block documents, with masks in the place of their secrets."""
    wanted = query.filter
    statement = _DOCUMENTS.where(
        *any_of(block_document.c.id, wanted.ids),
        *any_of(block_document.c.name, wanted.names),
        *contains(block_document.c.name, wanted.name_contains),
        *any_of(block_type.c.slug, wanted.block_type_slugs),
    )
    if wanted.capabilities:
        statement = statement.join(
            block_schema,
            (block_schema.c.block_type_id == block_document.c.block_type_id)
            & (block_schema.c.checksum == block_document.c.schema_checksum),
        ).where(*has_all_tags(connection, block_schema.c.capabilities, wanted.capabilities))
    return read_page(connection, statement, _BY_TYPE_AND_NAME, build_document, limit=query.limit, cursor=query.cursor)


def find_document(connection: Connection, document_id: UUID) -> Row[Any]:
    """Read the row of a block document, with its encrypted secrets.

    Raises:
        NotFoundError: There is none by that id.
    """
    row = connection.execute(_DOCUMENTS.where(block_document.c.id == document_id)).one_or_none()
    if row is None:
        message = f"there is no block with id {document_id}: see `alisio block ls`"
        raise NotFoundError(message, code="block_document_not_found", field="document_id")
    return row


def find_document_by_name(connection: Connection, slug: str, name: str) -> Row[Any]:
    """Read the row of the block document of a type and a name, with its encrypted secrets.

    Raises:
        NotFoundError: There is no such type, or none of that name.
    """
    statement = _DOCUMENTS.where(block_type.c.slug == slug, block_document.c.name == name)
    row = connection.execute(statement).one_or_none()
    if row is None:
        if connection.execute(select(block_type.c.id).where(block_type.c.slug == slug)).first() is None:
            raise no_such_type(slug)
        message = f"there is no block {slug}/{name}: see `alisio block ls`"
        raise NotFoundError(message, code="block_document_not_found", field="name")
    return row


def find_held(connection: Connection, document_id: UUID) -> list[Row[Any]]:
    """Read the rows of the documents that a document holds, and of those that these hold."""
    found: list[Row[Any]] = []
    seen: set[UUID] = {document_id}
    level: Iterable[UUID] = [document_id]
    while level:
        held = select(block_reference.c.held_id).where(block_reference.c.holder_id.in_(level))
        rows = connection.execute(_DOCUMENTS.where(block_document.c.id.in_(held))).all()
        new = [row for row in rows if row.id not in seen]
        seen.update(row.id for row in new)
        found += new
        level = [row.id for row in new]
    return found


def build_document(row: Row[Any]) -> BlockDocument:
    """Make a document of its row, with masks in the place of its secrets."""
    return BlockDocument.model_validate({**row._mapping, "block_type_slug": row.slug})


def no_such_type(slug: str) -> NotFoundError:
    """Make the error for a block type that is not there."""
    message = f"there is no block type {slug!r}: register it with `alisio block register`; see `alisio block type ls`"
    return NotFoundError(message, code="block_type_not_found", field="block_type_slug")


def _build_type(row: Row[Any]) -> BlockType:
    values = dict(row._mapping)
    schema = {name: values.pop(f"schema_{name}_") for name in _SCHEMA}
    schema["secret_fields"] = [".".join(path) for path in schema["secret_fields"]]
    return BlockType.model_validate({**values, "block_schema": BlockSchema.model_validate(schema)})
