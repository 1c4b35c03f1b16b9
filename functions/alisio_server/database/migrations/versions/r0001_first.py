"""The first revision: every table that the first release has.

Revision ID: 0001
Revises: none
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
JSON = sa.JSON()
TAGS = sa.JSON().with_variant(JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "api_key",
    "audit_log",
    "bundle",
    "clockwork",
    "flow",
    "work_pool",
    "agent",
    "claim",
    "work_queue",
    "deleted_work_queue",
    "deployment",
    "flow_run",
    "schedule",
    "concurrency_slot",
    "flow_run_state",
    "log",
    "task_run",
)


def upgrade() -> None:
    _create_api_key()
    _create_audit_log()
    _create_bundle()
    _create_clockwork()
    _create_flow()
    _create_work_pool()
    _create_agent()
    _create_claim()
    _create_work_queue()
    _create_deleted_work_queue()
    _create_deployment()
    _create_flow_run()
    _create_schedule()
    _create_concurrency_slot()
    _create_flow_run_state()
    _create_log()
    _create_task_run()


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _create_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("expires", WHEN),
        sa.Column("last_used", WHEN),
        sa.Column("revoked", WHEN),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )
    op.create_index("ix_api_key_name", "api_key", ["name"], unique=True, **_only("revoked IS NULL"))


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("timestamp", WHEN, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("api_key_id", sa.Uuid()),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=1000), nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=100)),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_timestamp", "audit_log", ["timestamp", "id"])


def _create_bundle() -> None:
    op.create_table(
        "bundle",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("unused_since", WHEN),
        sa.PrimaryKeyConstraint("sha256", name="pk_bundle"),
    )


def _create_clockwork() -> None:
    op.create_table(
        "clockwork",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("last_tick", WHEN, nullable=False),
        sa.Column("logs_purged_until", WHEN),
        sa.Column("task_runs_purged_until", WHEN),
        sa.PrimaryKeyConstraint("id", name="pk_clockwork"),
    )


def _create_flow() -> None:
    op.create_table(
        "flow",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flow"),
        sa.UniqueConstraint("name", name="uq_flow_name"),
    )


def _create_work_pool() -> None:
    op.create_table(
        "work_pool",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("concurrency_limit", sa.Integer()),
        sa.Column("job_variables", JSON, nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_work_pool"),
        sa.UniqueConstraint("name", name="uq_work_pool_name"),
    )


def _create_agent() -> None:
    op.create_table(
        "agent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("work_pool_id", sa.Uuid(), nullable=False),
        sa.Column("queues", JSON),
        sa.Column("run_limit", sa.Integer()),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=50), nullable=False),
        sa.Column("stopping", sa.Boolean(), nullable=False),
        sa.Column("first_seen", WHEN, nullable=False),
        sa.Column("last_seen", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["work_pool_id"], ["work_pool.id"], name="fk_agent_work_pool_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_agent"),
    )
    op.create_index("ix_agent_work_pool_id", "agent", ["work_pool_id"])


def _create_claim() -> None:
    op.create_table(
        "claim",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("work_pool_id", sa.Uuid(), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["work_pool_id"], ["work_pool.id"], name="fk_claim_work_pool_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_claim"),
    )
    op.create_index("ix_claim_created", "claim", ["created"])


def _create_work_queue() -> None:
    op.create_table(
        "work_queue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_pool_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("concurrency_limit", sa.Integer()),
        sa.Column("description", sa.Text()),
        sa.Column("created", WHEN, nullable=False),
        sa.ForeignKeyConstraint(
            ["work_pool_id"], ["work_pool.id"], name="fk_work_queue_work_pool_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_work_queue"),
        sa.UniqueConstraint("work_pool_id", "name", name="uq_work_queue_work_pool_id_name"),
    )


def _create_deleted_work_queue() -> None:
    op.create_table(
        "deleted_work_queue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deleted", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deleted_work_queue"),
    )


def _create_deployment() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("flow_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("entrypoint", sa.String(length=500), nullable=False),
        sa.Column("version", sa.String(length=200)),
        sa.Column("description", sa.Text()),
        sa.Column("tags", TAGS, nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("parameter_schema", JSON, nullable=False),
        sa.Column("enforce_parameter_schema", sa.Boolean(), nullable=False),
        sa.Column("work_queue_id", sa.Uuid()),
        sa.Column("job_variables", JSON, nullable=False),
        sa.Column("bundle", sa.String(length=64)),
        sa.Column("path", sa.String(length=1000)),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("retry_delays", JSON, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("updated", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["bundle"], ["bundle.sha256"], name="fk_deployment_bundle"),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name="fk_deployment_flow_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["work_queue_id"], ["work_queue.id"], name="fk_deployment_work_queue_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.UniqueConstraint("flow_id", "name", name="uq_deployment_flow_id_name"),
    )
    op.create_index("ix_deployment_work_queue_id", "deployment", ["work_queue_id"])


def _create_flow_run() -> None:
    op.create_table(
        "flow_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("flow_id", sa.Uuid(), nullable=False),
        sa.Column("flow_version", sa.String(length=200)),
        sa.Column("deployment_id", sa.Uuid()),
        sa.Column("work_queue_id", sa.Uuid()),
        sa.Column("schedule_slug", sa.String(length=100)),
        sa.Column("occurrence", WHEN),
        sa.Column("overlap", sa.String(length=20)),
        sa.Column("idempotency_key", sa.String(length=200)),
        sa.Column("created_by", sa.String(length=20), nullable=False),
        sa.Column("parent_flow_run_id", sa.Uuid()),
        sa.Column("root_flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("job_variables", JSON, nullable=False),
        sa.Column("tags", TAGS, nullable=False),
        sa.Column("state_type", sa.String(length=20), nullable=False),
        sa.Column("state_name", sa.String(length=100), nullable=False),
        sa.Column("state_message", sa.Text()),
        sa.Column("state_timestamp", WHEN, nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("due", WHEN, nullable=False),
        sa.Column("started", WHEN),
        sa.Column("ended", WHEN),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("unstarted_claims", sa.Integer(), nullable=False),
        sa.Column("report_sequence", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Uuid()),
        sa.Column("agent_id", sa.Uuid()),
        sa.Column("infrastructure", sa.String(length=500)),
        sa.Column("lease_until", WHEN),
        sa.Column("start_by", WHEN),
        sa.Column("lease_extended", sa.Boolean(), nullable=False),
        sa.Column("wake_at", WHEN),
        sa.Column("wake_interval", sa.Float(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("retry_delays", JSON, nullable=False),
        sa.Column("retries_used", sa.Integer(), nullable=False),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("updated", WHEN, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name="fk_flow_run_deployment_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name="fk_flow_run_flow_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["parent_flow_run_id"], ["flow_run.id"], name="fk_flow_run_parent_flow_run_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["work_queue_id"], ["work_queue.id"], name="fk_flow_run_work_queue_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_flow_run"),
        sa.UniqueConstraint("deployment_id", "idempotency_key", name="uq_flow_run_deployment_id_idempotency_key"),
        sa.UniqueConstraint(
            "deployment_id", "schedule_slug", "occurrence", name="uq_flow_run_deployment_id_schedule_slug_occurrence"
        ),
    )
    op.create_index("ix_flow_run_claim", "flow_run", ["claim_id"], **_only("claim_id IS NOT NULL"))
    op.create_index(
        "ix_flow_run_claimable", "flow_run", ["work_queue_id", "due", "id"], **_only("state_type = 'SCHEDULED'")
    )
    op.create_index("ix_flow_run_created", "flow_run", ["created", "id"])
    op.create_index("ix_flow_run_deployment", "flow_run", ["deployment_id", "created"])
    op.create_index("ix_flow_run_due", "flow_run", ["due", "id"])
    op.create_index("ix_flow_run_ended", "flow_run", ["ended"], **_only("ended IS NOT NULL"))
    op.create_index("ix_flow_run_flow", "flow_run", ["flow_id", "created"])
    op.create_index("ix_flow_run_lease_until", "flow_run", ["lease_until"], **_only("lease_until IS NOT NULL"))
    op.create_index(
        "ix_flow_run_overlap",
        "flow_run",
        ["deployment_id", "schedule_slug", "occurrence"],
        **_only("overlap IS NOT NULL AND ended IS NULL"),
    )
    op.create_index("ix_flow_run_parent", "flow_run", ["parent_flow_run_id"])
    op.create_index("ix_flow_run_root", "flow_run", ["root_flow_run_id"], **_only("root_flow_run_id != id"))
    op.create_index("ix_flow_run_state", "flow_run", ["state_type", "created"])
    op.create_index("ix_flow_run_wake_at", "flow_run", ["wake_at"], **_only("wake_at IS NOT NULL"))


def _create_schedule() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("cron", sa.String(length=200)),
        sa.Column("interval_seconds", sa.Float()),
        sa.Column("anchor", WHEN),
        sa.Column("rrule", sa.Text()),
        sa.Column("at", WHEN),
        sa.Column("timezone", sa.String(length=100), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("catch_up", sa.String(length=20), nullable=False),
        sa.Column("overlap", sa.String(length=20), nullable=False),
        sa.Column("materialised_until", WHEN, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name="fk_schedule_deployment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        sa.UniqueConstraint("deployment_id", "slug", name="uq_schedule_deployment_id_slug"),
    )


def _create_concurrency_slot() -> None:
    op.create_table(
        "concurrency_slot",
        sa.Column("limit_key", sa.String(length=200), nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_run_id"], ["flow_run.id"], name="fk_concurrency_slot_flow_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("limit_key", "flow_run_id", "attempt", name="pk_concurrency_slot"),
    )
    op.create_index("ix_concurrency_slot_flow_run", "concurrency_slot", ["flow_run_id"])


def _create_flow_run_state() -> None:
    op.create_table(
        "flow_run_state",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("timestamp", WHEN, nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_run_id"], ["flow_run.id"], name="fk_flow_run_state_flow_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_flow_run_state"),
    )
    op.create_index("ix_flow_run_state_flow_run_id", "flow_run_state", ["flow_run_id"])


def _create_log() -> None:
    op.create_table(
        "log",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("task_run_id", sa.Uuid()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("timestamp", WHEN, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("logger", sa.String(length=200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["flow_run_id"], ["flow_run.id"], name="fk_log_flow_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_log"),
    )
    op.create_index("ix_log_flow_run", "log", ["flow_run_id", "id"])


def _create_task_run() -> None:
    op.create_table(
        "task_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("task_key", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("tags", TAGS, nullable=False),
        sa.Column("inputs", JSON, nullable=False),
        sa.Column("state_type", sa.String(length=20), nullable=False),
        sa.Column("state_name", sa.String(length=100), nullable=False),
        sa.Column("history", JSON, nullable=False),
        sa.ForeignKeyConstraint(["flow_run_id"], ["flow_run.id"], name="fk_task_run_flow_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_task_run"),
    )
    op.create_index("ix_task_run_flow_run", "task_run", ["flow_run_id", "id"])
