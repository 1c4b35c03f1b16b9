"""Flow runs in the order in which they began, or are to begin.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_flow_run_start", "flow_run", [sa.text("coalesce(started, due)"), "id"])


def downgrade() -> None:
    op.drop_index("ix_flow_run_start", "flow_run")
