"""Where flow runs pause, and what they are sent.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "flow_run_pause",
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("suspends", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("input_schema", sa.JSON()),
        sa.Column("input", sa.JSON()),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("flow_run_id", "key", name="pk_flow_run_pause"),
        sa.ForeignKeyConstraint(
            ["flow_run_id"], ["flow_run.id"], name="fk_flow_run_pause_flow_run_id", ondelete="CASCADE"
        ),
    )
    waiting = sa.text("status = 'waiting' AND expires IS NOT NULL")
    op.create_index(
        "ix_flow_run_pause_expires", "flow_run_pause", ["expires"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_table(
        "flow_run_input",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sender", sa.String(length=300)),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flow_run_input"),
        sa.ForeignKeyConstraint(
            ["flow_run_id"], ["flow_run.id"], name="fk_flow_run_input_flow_run_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("flow_run_id", "key", name="uq_flow_run_input_flow_run_id_key"),
    )


def downgrade() -> None:
    op.drop_table("flow_run_input")
    op.drop_index("ix_flow_run_pause_expires", "flow_run_pause")
    op.drop_table("flow_run_pause")
