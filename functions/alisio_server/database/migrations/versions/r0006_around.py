"""What flows keep around their runs: variables, artifacts, assets and their lineage, events.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# On PostgreSQL lists of tags are JSONB, which finds rows by some of them.
TAGS = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _create_variable()
    _create_artifact()
    _create_assets()
    _create_event()


def downgrade() -> None:
    for table in ("event", "asset_materialization", "asset_dependency", "asset", "artifact", "variable"):
        op.drop_table(table)


def _instant(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _create_variable() -> None:
    op.create_table(
        "variable",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("tags", TAGS, nullable=False),
        _instant("created"),
        _instant("updated"),
        sa.PrimaryKeyConstraint("id", name="pk_variable"),
        sa.UniqueConstraint("name", name="uq_variable_name"),
    )


def _create_artifact() -> None:
    op.create_table(
        "artifact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255)),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("flow_run_id", sa.Uuid()),
        sa.Column("task_run_id", sa.Uuid()),
        _instant("created"),
        _instant("updated"),
        sa.PrimaryKeyConstraint("id", name="pk_artifact"),
        sa.ForeignKeyConstraint(["flow_run_id"], ["flow_run.id"], name="fk_artifact_flow_run_id", ondelete="CASCADE"),
    )
    op.create_index("ix_artifact_created", "artifact", ["created", "id"])
    op.create_index("ix_artifact_flow_run", "artifact", ["flow_run_id", "created"])
    _create_partial_index("ix_artifact_key", "artifact", ["key", "created", "id"], "key IS NOT NULL")
    _create_partial_index("ix_artifact_task_run", "artifact", ["task_run_id"], "task_run_id IS NOT NULL")


def _create_assets() -> None:
    op.create_table(
        "asset",
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("properties", sa.JSON()),
        _instant("created"),
        _instant("updated"),
        sa.PrimaryKeyConstraint("key", name="pk_asset"),
    )
    op.create_table(
        "asset_dependency",
        sa.Column("asset_key", sa.String(length=512), nullable=False),
        sa.Column("upstream_key", sa.String(length=512), nullable=False),
        _instant("last_seen"),
        sa.PrimaryKeyConstraint("asset_key", "upstream_key", name="pk_asset_dependency"),
        sa.ForeignKeyConstraint(["asset_key"], ["asset.key"], name="fk_asset_dependency_asset_key", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["upstream_key"], ["asset.key"], name="fk_asset_dependency_upstream_key", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_asset_dependency_upstream", "asset_dependency", ["upstream_key"])
    op.create_table(
        "asset_materialization",
        sa.Column("task_run_id", sa.Uuid(), nullable=False),
        sa.Column("asset_key", sa.String(length=512), nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("materialized_by", sa.String(length=200)),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("upstream", sa.JSON(), nullable=False),
        _instant("timestamp"),
        sa.PrimaryKeyConstraint("task_run_id", "asset_key", name="pk_asset_materialization"),
        sa.ForeignKeyConstraint(
            ["asset_key"], ["asset.key"], name="fk_asset_materialization_asset_key", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["flow_run_id"], ["flow_run.id"], name="fk_asset_materialization_flow_run_id", ondelete="CASCADE"
        ),
    )
    asset_order = ["asset_key", "timestamp", "task_run_id"]
    op.create_index("ix_asset_materialization_asset", "asset_materialization", asset_order)
    op.create_index("ix_asset_materialization_flow_run", "asset_materialization", ["flow_run_id"])


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=500), nullable=False),
        sa.Column("resource_id", sa.String(length=500), nullable=False),
        sa.Column("resource", sa.JSON(), nullable=False),
        sa.Column("related", sa.JSON(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("follows", sa.Uuid()),
        sa.Column("flow_run_id", sa.Uuid()),
        _instant("occurred"),
        _instant("received"),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_occurred", "event", ["occurred", "id"])
    op.create_index("ix_event_event", "event", ["event", "occurred"])
    op.create_index("ix_event_resource", "event", ["resource_id", "occurred"])
    _create_partial_index("ix_event_flow_run", "event", ["flow_run_id", "occurred"], "flow_run_id IS NOT NULL")


def _create_partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
