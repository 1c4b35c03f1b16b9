"""Data of artifacts that lie in the object store.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "artifact_data",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("artifact_id", sa.Uuid()),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_artifact_data"),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact.id"], name="fk_artifact_data_artifact_id", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_artifact_data_artifact", "artifact_data", ["artifact_id"], unique=True)
    unused = sa.text("artifact_id IS NULL")
    op.create_index(
        "ix_artifact_data_unused", "artifact_data", ["created"], sqlite_where=unused, postgresql_where=unused
    )


def downgrade() -> None:
    op.drop_table("artifact_data")
