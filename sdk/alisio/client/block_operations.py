"""Block types and blocks as methods of the public clients."""

from __future__ import annotations

from uuid import UUID

from alisio.client.calls import blocks
from alisio.client.operations import Steps, ask, operation, route, rows
from alisio.client.schemas.objects import BlockDocument, BlockType
from alisio.contract.blocks import BlockDocumentFilter, BlockDocumentQuery


class BlockOperations:
    """Configuration under a name. Secrets come masked unless they are asked for with `include_secrets=True`."""

    register_block_type = route(blocks.register_block_type)
    read_block_type_by_slug = route(blocks.read_block_type)
    delete_block_type = route(blocks.delete_block_type)
    create_block_document = route(blocks.save_block_document)
    update_block_document = route(blocks.change_block_document)
    delete_block_document = route(blocks.delete_block_document)

    @operation
    def read_block_types(self, limit: int | None = None, offset: int = 0) -> Steps[list[BlockType]]:
        """List block types by their slugs; `limit=None` gives all."""
        return (yield from rows(blocks.list_block_types, limit, offset))

    @operation
    def read_block_documents(
        self, document_filter: BlockDocumentFilter | None = None, limit: int | None = None, offset: int = 0
    ) -> Steps[list[BlockDocument]]:
        """List blocks by type and name, with masks in the place of secrets; `limit=None` gives all."""
        which = document_filter or BlockDocumentFilter()
        return (
            yield from rows(
                lambda size, cursor: blocks.filter_block_documents(
                    BlockDocumentQuery(filter=which, limit=size, cursor=cursor)
                ),
                limit,
                offset,
            )
        )

    @operation
    def read_block_document(self, block_document_id: UUID, include_secrets: bool = False) -> Steps[BlockDocument]:
        """Read a block.

        Args:
            block_document_id: Its id.
            include_secrets: Give its secrets; otherwise masks stand in their place.

        Raises:
            ObjectNotFound: There is no such block.
        """
        if include_secrets:
            return (yield from ask(blocks.reveal_block_document(block_document_id))).document
        return (yield from ask(blocks.read_block_document(block_document_id)))

    @operation
    def read_block_document_by_name(
        self, name: str, block_type_slug: str, include_secrets: bool = False
    ) -> Steps[BlockDocument]:
        """Read the block of a name and a type; see `read_block_document`."""
        if include_secrets:
            return (yield from ask(blocks.reveal_block_document_by_name(block_type_slug, name))).document
        return (yield from ask(blocks.read_block_document_by_name(block_type_slug, name)))
