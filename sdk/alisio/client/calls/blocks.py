"""Calls about block types and blocks."""

from __future__ import annotations

from types import NoneType
from uuid import UUID

from alisio.client.calls.base import Call, page_query, path_of
from alisio.contract.base import Page
from alisio.contract.blocks import (
    BlockDocument,
    BlockDocumentCreate,
    BlockDocumentPatch,
    BlockDocumentQuery,
    BlockType,
    BlockTypeSpec,
    RevealedBlock,
)


def register_block_type(slug: str, spec: BlockTypeSpec) -> Call[BlockType]:
    """Register a block type with its schema."""
    return Call("PUT", path_of("block-types", slug), BlockType, spec)


def list_block_types(limit: int | None, cursor: str | None) -> Call[Page[BlockType]]:
    """List block types."""
    return Call("GET", "/block-types", Page[BlockType], query=page_query(limit, cursor))


def read_block_type(slug: str) -> Call[BlockType]:
    """Read a block type."""
    return Call("GET", path_of("block-types", slug), BlockType)


def delete_block_type(slug: str) -> Call[None]:
    """Delete a block type with its blocks."""
    return Call("DELETE", path_of("block-types", slug), NoneType)


def save_block_document(request: BlockDocumentCreate) -> Call[BlockDocument]:
    """Save a block. One that may not overwrite is sent once: a second one would meet the first one's block."""
    return Call("POST", "/block-documents", BlockDocument, request, repeatable=request.overwrite)


def filter_block_documents(query: BlockDocumentQuery) -> Call[Page[BlockDocument]]:
    """List blocks, with masks in the place of secrets."""
    return Call("POST", "/block-documents/filter", Page[BlockDocument], query)


def read_block_document(document_id: UUID) -> Call[BlockDocument]:
    """Read a block, with masks in the place of secrets."""
    return Call("GET", path_of("block-documents", document_id), BlockDocument)


def read_block_document_by_name(slug: str, name: str) -> Call[BlockDocument]:
    """Read the block of a type and a name, with masks in the place of secrets."""
    return Call("GET", path_of("block-types", slug, "block-documents", "name", name), BlockDocument)


def change_block_document(document_id: UUID, patch: BlockDocumentPatch) -> Call[BlockDocument]:
    """Give a block other data."""
    return Call("PATCH", path_of("block-documents", document_id), BlockDocument, patch)


def delete_block_document(document_id: UUID) -> Call[None]:
    """Delete a block."""
    return Call("DELETE", path_of("block-documents", document_id), NoneType)


def reveal_block_document(document_id: UUID) -> Call[RevealedBlock]:
    """Read a block with its secrets."""
    return Call("POST", path_of("block-documents", document_id, "reveal"), RevealedBlock)


def reveal_block_document_by_name(slug: str, name: str) -> Call[RevealedBlock]:
    """Read the block of a type and a name with its secrets."""
    return Call("POST", path_of("block-types", slug, "block-documents", "name", name, "reveal"), RevealedBlock)
