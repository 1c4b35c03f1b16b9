"""Which cancelled runs have started others that are still to be cancelled.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_run", sa.Column("cancels_linked", sa.DateTime(timezone=True)))
    left = sa.text("cancels_linked IS NOT NULL")
    op.create_index(
        "ix_flow_run_cancels_linked", "flow_run", ["cancels_linked"], sqlite_where=left, postgresql_where=left
    )


def downgrade() -> None:
    op.drop_index("ix_flow_run_cancels_linked", "flow_run")
    op.drop_column("flow_run", "cancels_linked")
