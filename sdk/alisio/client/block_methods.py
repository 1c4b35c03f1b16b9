"""The routes of block types and blocks as methods, a part of `alisio.client.methods`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from uuid import UUID

from alisio.client.calls import blocks
from alisio.client.calls.base import Call
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

AnswerT = TypeVar("AnswerT")


class BlockMethods(ABC):
    """One method a route; what they raise is told in `RouteMethods`."""

    @abstractmethod
    def _send(self, call: Call[AnswerT]) -> AnswerT:
        """Carry a call to the server and read its answer."""

    def register_block_type(self, slug: str, spec: BlockTypeSpec) -> BlockType:
        """Register a block type with its schema, or make the one that is there like this."""
        return self._send(blocks.register_block_type(slug, spec))

    def list_block_types(self, limit: int | None = None, cursor: str | None = None) -> Page[BlockType]:
        """List block types by their slugs."""
        return self._send(blocks.list_block_types(limit, cursor))

    def read_block_type(self, slug: str) -> BlockType:
        """Read a block type."""
        return self._send(blocks.read_block_type(slug))

    def delete_block_type(self, slug: str) -> None:
        """Delete a block type with all of its blocks."""
        return self._send(blocks.delete_block_type(slug))

    def save_block_document(self, request: BlockDocumentCreate) -> BlockDocument:
        """Save a block under its name."""
        return self._send(blocks.save_block_document(request))

    def filter_block_documents(self, query: BlockDocumentQuery) -> Page[BlockDocument]:
        """List blocks, with masks in the place of secrets."""
        return self._send(blocks.filter_block_documents(query))

    def read_block_document(self, document_id: UUID) -> BlockDocument:
        """Read a block, with masks in the place of secrets."""
        return self._send(blocks.read_block_document(document_id))

    def read_block_document_by_name(self, slug: str, name: str) -> BlockDocument:
        """Read the block of a type and a name, with masks in the place of secrets."""
        return self._send(blocks.read_block_document_by_name(slug, name))

    def change_block_document(self, document_id: UUID, patch: BlockDocumentPatch) -> BlockDocument:
        """Give a block other data; a secret that is sent as its mask stays what it is."""
        return self._send(blocks.change_block_document(document_id, patch))

    def delete_block_document(self, document_id: UUID) -> None:
        """Delete a block, unless another one holds it."""
        return self._send(blocks.delete_block_document(document_id))

    def reveal_block_document(self, document_id: UUID) -> RevealedBlock:
        """Read a block with its secrets, and with the blocks that it holds."""
        return self._send(blocks.reveal_block_document(document_id))

    def reveal_block_document_by_name(self, slug: str, name: str) -> RevealedBlock:
        """Read the block of a type and a name with its secrets, and with the blocks that it holds."""
        return self._send(blocks.reveal_block_document_by_name(slug, name))
