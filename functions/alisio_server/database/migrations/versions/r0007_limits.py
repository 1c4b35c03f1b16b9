"""Named limits, their slots and leases; limits of deployments.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OF_DEPLOYMENTS = ("concurrency_limit", "collision_strategy", "grace_period_seconds")


def upgrade() -> None:
    op.create_table(
        "concurrency_limit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("slot_decay_per_second", sa.Float(), nullable=False),
        sa.Column("decaying", sa.Float(), nullable=False),
        sa.Column("decayed_at", INSTANT, nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("updated", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_concurrency_limit"),
        sa.UniqueConstraint("name", name="uq_concurrency_limit_name"),
    )
    op.create_table(
        "concurrency_lease",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("flow_run_id", sa.Uuid()),
        sa.Column("attempt", sa.Integer()),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("asked", INSTANT, nullable=False),
        sa.Column("expires", INSTANT),
        sa.Column("lease_seconds", sa.Float(), nullable=False),
        sa.Column("extended", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name="pk_concurrency_lease"),
        sa.ForeignKeyConstraint(
            ["flow_run_id"], ["flow_run.id"], name="fk_concurrency_lease_flow_run_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_concurrency_lease_flow_run", "concurrency_lease", ["flow_run_id"])
    op.create_table(
        "concurrency_lease_slots",
        sa.Column("limit_id", sa.Uuid(), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("limit_id", "lease_id", name="pk_concurrency_lease_slots"),
        sa.ForeignKeyConstraint(
            ["limit_id"], ["concurrency_limit.id"], name="fk_concurrency_lease_slots_limit_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["lease_id"], ["concurrency_lease.id"], name="fk_concurrency_lease_slots_lease_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_concurrency_lease_slots_lease", "concurrency_lease_slots", ["lease_id"])
    op.add_column("deployment", sa.Column("concurrency_limit", sa.Integer()))
    op.add_column("deployment", sa.Column("collision_strategy", sa.String(length=20)))
    op.add_column("deployment", sa.Column("grace_period_seconds", sa.Integer()))
    limited = sa.text("concurrency_limit IS NOT NULL")
    op.create_index("ix_deployment_limited", "deployment", ["id"], sqlite_where=limited, postgresql_where=limited)


def downgrade() -> None:
    op.drop_index("ix_deployment_limited", "deployment")
    for column in reversed(OF_DEPLOYMENTS):
        op.drop_column("deployment", column)
    op.drop_table("concurrency_lease_slots")
    op.drop_table("concurrency_lease")
    op.drop_table("concurrency_limit")
