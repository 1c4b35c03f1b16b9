"""For when the timer of a schedule is set, where timers make runs.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedule", sa.Column("timer_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("schedule", "timer_at")
