"""Blocks: configuration under a name. Only `reveal` gives secrets away; all else shows masks."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Page
from alisio.contract.blocks import (
    BlockDocument,
    BlockDocumentCreate,
    BlockDocumentPatch,
    BlockDocumentQuery,
    RevealedBlock,
)
from alisio_server.access.reveals import note_reveal
from alisio_server.access.rules import Access
from alisio_server.database.queries import blocks as queries
from alisio_server.orchestration import block_documents
from alisio_server.routes.support import PathName, Resource, no_content

resource = Resource("Blocks")
_ONE = "/api/block-documents/<document_id>"
_NAMED = "/api/block-types/<type_slug>/block-documents/name/<name>"


def _read(document_id: UUID) -> BlockDocument:
    with resource.services.database.read() as connection:
        return queries.build_document(queries.find_document(connection, document_id))


@resource.route("POST", "/api/block-documents", access=Access.DEPLOY, errors=(404, 409))
def save_block_document(document: BlockDocumentCreate) -> BlockDocument:
    """Save a block under its name; the one that is there only where `overwrite` says so."""
    services = resource.services
    with services.transaction() as tx:
        document_id = block_documents.save_document(tx, services.cipher, document)
    return _read(document_id)


@resource.route("POST", "/api/block-documents/filter", access=Access.READ)
def filter_block_documents(query: BlockDocumentQuery) -> Page[BlockDocument]:
    """List blocks by the slug of their type and their name, with masks in the place of secrets."""
    with resource.services.database.read() as connection:
        return queries.filter_block_documents(connection, query)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_block_document(document_id: UUID) -> BlockDocument:
    """Read a block, with masks in the place of secrets."""
    return _read(document_id)


@resource.route("GET", _NAMED, access=Access.READ, errors=(404,))
def get_block_document_by_name(type_slug: PathName, name: PathName) -> BlockDocument:
    """Read the block of a type and a name, with masks in the place of secrets."""
    with resource.services.database.read() as connection:
        return queries.build_document(queries.find_document_by_name(connection, type_slug, name))


@resource.route("PATCH", _ONE, access=Access.DEPLOY, errors=(404, 409))
def change_block_document(document_id: UUID, patch: BlockDocumentPatch) -> BlockDocument:
    """Give a block other data; a secret that is sent as its mask stays what it is."""
    services = resource.services
    with services.transaction() as tx:
        block_documents.change_document(tx, services.cipher, document_id, patch)
    return _read(document_id)


@resource.route("DELETE", _ONE, access=Access.DEPLOY, status=204, errors=(404, 409))
def delete_block_document(document_id: UUID) -> Response[None]:
    """Delete a block, unless another one holds it."""
    with resource.services.transaction() as tx:
        block_documents.delete_document(tx, document_id)
    return no_content()


@resource.route("POST", f"{_ONE}/reveal", access=Access.SECRETS, errors=(404, 409))
def reveal_block_document(document_id: UUID) -> RevealedBlock:
    """Read a block with its secrets, and with the blocks that it holds."""
    services = resource.services
    note_reveal(services)
    with services.database.read() as connection:
        found = queries.find_document(connection, document_id)
        return block_documents.reveal(connection, services.cipher, found)


@resource.route("POST", f"{_NAMED}/reveal", access=Access.SECRETS, errors=(404, 409))
def reveal_block_document_by_name(type_slug: PathName, name: PathName) -> RevealedBlock:
    """Read the block of a type and a name with its secrets, and with the blocks that it holds."""
    services = resource.services
    note_reveal(services)
    with services.database.read() as connection:
        found = queries.find_document_by_name(connection, type_slug, name)
        return block_documents.reveal(connection, services.cipher, found)
