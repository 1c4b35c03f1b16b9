"""Block types: what blocks there can be, with the schemas that forms are drawn from."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from alisio.contract.base import Page
from alisio.contract.blocks import SLUG_PATTERN, BlockType, BlockTypeSpec
from alisio_server.access.rules import Access
from alisio_server.database.queries import blocks as queries
from alisio_server.orchestration import block_types
from alisio_server.routes.support import PageCursor, PageLimit, PathName, Resource, no_content

resource = Resource("Block types")
_ONE = "/api/block-types/<type_slug>"
NewSlug = Annotated[str, Path(pattern=SLUG_PATTERN, max_length=200)]


def _read(slug: str) -> BlockType:
    with resource.services.database.read() as connection:
        return queries.get_block_type(connection, slug)


@resource.route("PUT", _ONE, access=Access.DEPLOY)
def register_block_type(type_slug: NewSlug, spec: BlockTypeSpec) -> BlockType:
    """Register a block type with its schema, or make the one that is there like this."""
    with resource.services.transaction() as tx:
        block_types.register_block_type(tx, type_slug, spec)
    return _read(type_slug)


@resource.route("GET", "/api/block-types", access=Access.READ)
def list_block_types(limit: PageLimit = 50, cursor: PageCursor = None) -> Page[BlockType]:
    """List block types by their slugs."""
    with resource.services.database.read() as connection:
        return queries.list_block_types(connection, limit=limit, cursor=cursor)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_block_type(type_slug: PathName) -> BlockType:
    """Read a block type."""
    return _read(type_slug)


@resource.route("DELETE", _ONE, access=Access.ADMIN, status=204, errors=(404, 409))
def delete_block_type(type_slug: PathName) -> Response[None]:
    """Delete a block type with all of its blocks."""
    with resource.services.transaction() as tx:
        block_types.delete_block_type(tx, type_slug)
    return no_content()
