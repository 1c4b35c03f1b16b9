"""Where the results of flow runs are stored.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_run", sa.Column("state_result", sa.String(length=2000)))
    op.add_column("flow_run_state", sa.Column("result", sa.String(length=2000)))


def downgrade() -> None:
    op.drop_column("flow_run_state", "result")
    op.drop_column("flow_run", "state_result")
