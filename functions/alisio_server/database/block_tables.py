"""The tables of blocks: their types, the schemas that these had and have, and the documents with their secrets."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from alisio_server.database.columns import instant, metadata, row_key
from alisio_server.database.types import Tags

block_type = Table(
    "block_type",
    metadata,
    row_key(),
    Column("slug", String(200), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("logo_url", String(2000)),
    Column("documentation_url", String(2000)),
    Column("description", Text),
    Column("code_example", Text),
    # Of the schema that it was last registered with.
    Column("schema_checksum", String(64), nullable=False),
    instant("created"),
    instant("updated"),
)

# Every schema that a type was registered with: documents are read by the one that they were saved with.
block_schema = Table(
    "block_schema",
    metadata,
    Column("block_type_id", ForeignKey("block_type.id", ondelete="CASCADE"), primary_key=True),
    Column("checksum", String(64), primary_key=True),
    Column("fields", JSON(), nullable=False),
    Column("secret_fields", JSON(), nullable=False),
    Column("capabilities", Tags(), nullable=False),
    Column("version", String(50)),
    instant("created"),
)

block_document = Table(
    "block_document",
    metadata,
    row_key(),
    Column("block_type_id", Uuid(), nullable=False),
    Column("schema_checksum", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    # With a mask in the place of each secret.
    Column("data", JSON(), nullable=False),
    # What the masks stand for, encrypted; NULL where there is none.
    Column("secrets", LargeBinary()),
    instant("created"),
    instant("updated"),
    UniqueConstraint("block_type_id", "name"),
    ForeignKeyConstraint(
        ["block_type_id", "schema_checksum"],
        ["block_schema.block_type_id", "block_schema.checksum"],
        name="fk_block_document_schema",
        ondelete="CASCADE",
    ),
)

# Which documents hold others by reference: what is held cannot be deleted.
block_reference = Table(
    "block_reference",
    metadata,
    Column("holder_id", ForeignKey("block_document.id", ondelete="CASCADE"), primary_key=True),
    Column("held_id", ForeignKey("block_document.id"), primary_key=True),
)
