"""Blocks: types, schemas, documents, and which documents hold others.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
TAGS = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _create_block_type()
    _create_block_schema()
    _create_block_document()
    _create_block_reference()


def downgrade() -> None:
    for table in ("block_reference", "block_document", "block_schema", "block_type"):
        op.drop_table(table)


def _create_block_type() -> None:
    op.create_table(
        "block_type",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("logo_url", sa.String(length=2000)),
        sa.Column("documentation_url", sa.String(length=2000)),
        sa.Column("description", sa.Text()),
        sa.Column("code_example", sa.Text()),
        sa.Column("schema_checksum", sa.String(length=64), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("updated", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_block_type"),
        sa.UniqueConstraint("slug", name="uq_block_type_slug"),
    )


def _create_block_schema() -> None:
    op.create_table(
        "block_schema",
        sa.Column("block_type_id", sa.Uuid(), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("secret_fields", sa.JSON(), nullable=False),
        sa.Column("capabilities", TAGS, nullable=False),
        sa.Column("version", sa.String(length=50)),
        sa.Column("created", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("block_type_id", "checksum", name="pk_block_schema"),
        sa.ForeignKeyConstraint(
            ["block_type_id"], ["block_type.id"], name="fk_block_schema_block_type_id", ondelete="CASCADE"
        ),
    )


def _create_block_document() -> None:
    op.create_table(
        "block_document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("block_type_id", sa.Uuid(), nullable=False),
        sa.Column("schema_checksum", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("secrets", sa.LargeBinary()),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("updated", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_block_document"),
        sa.UniqueConstraint("block_type_id", "name", name="uq_block_document_block_type_id_name"),
        sa.ForeignKeyConstraint(
            ["block_type_id", "schema_checksum"],
            ["block_schema.block_type_id", "block_schema.checksum"],
            name="fk_block_document_schema",
            ondelete="CASCADE",
        ),
    )


def _create_block_reference() -> None:
    op.create_table(
        "block_reference",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("held_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("holder_id", "held_id", name="pk_block_reference"),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["block_document.id"], name="fk_block_reference_holder_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["held_id"], ["block_document.id"], name="fk_block_reference_held_id"),
    )
    op.create_index("ix_block_reference_held", "block_reference", ["held_id"])
