"""The tables of work, as SQLAlchemy Core describes them for SQLite and PostgreSQL alike.

Core and not the ORM: claims and reports are set operations, and importing the ORM costs 0.1 s of every script.
The migrations in `migrations/` make these tables and the indexes of `indexes.py`; a test compares the two.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from alisio_server.database.columns import RowId, instant, metadata, row_key
from alisio_server.database.types import Instant, Tags

flow = Table("flow", metadata, row_key(), Column("name", String(200), nullable=False, unique=True), instant("created"))

work_pool = Table(
    "work_pool",
    metadata,
    row_key(),
    Column("name", String(200), nullable=False, unique=True),
    Column("type", String(50), nullable=False),
    Column("description", Text),
    Column("paused", Boolean, nullable=False, default=False),
    Column("concurrency_limit", Integer),
    Column("job_variables", JSON(), nullable=False, default=dict),
    instant("created"),
)

work_queue = Table(
    "work_queue",
    metadata,
    row_key(),
    Column("work_pool_id", ForeignKey("work_pool.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("priority", Integer, nullable=False, default=100),
    Column("paused", Boolean, nullable=False, default=False),
    Column("concurrency_limit", Integer),
    Column("description", Text),
    instant("created"),
    UniqueConstraint("work_pool_id", "name"),
)

# Work queues that were deleted, until what the bell keeps for them is deleted too.
deleted_work_queue = Table("deleted_work_queue", metadata, row_key(), instant("deleted"))

agent = Table(
    "agent",
    metadata,
    row_key(),
    Column("name", String(200), nullable=False),
    Column("work_pool_id", ForeignKey("work_pool.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("queues", JSON()),
    Column("run_limit", Integer),
    Column("host", String(300), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(50), nullable=False),
    Column("stopping", Boolean, nullable=False, default=False),
    instant("first_seen"),
    instant("last_seen"),
)

bundle = Table(
    "bundle",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    instant("created"),
    # Since when no deployment has it.
    instant("unused_since", nullable=True),
)

deployment = Table(
    "deployment",
    metadata,
    row_key(),
    Column("flow_id", ForeignKey("flow.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("entrypoint", String(500), nullable=False),
    Column("version", String(200)),
    Column("description", Text),
    Column("tags", Tags(), nullable=False, default=list),
    Column("parameters", JSON(), nullable=False, default=dict),
    Column("parameter_schema", JSON(), nullable=False, default=dict),
    Column("enforce_parameter_schema", Boolean, nullable=False, default=True),
    Column("work_queue_id", ForeignKey("work_queue.id", ondelete="SET NULL"), index=True),
    Column("job_variables", JSON(), nullable=False, default=dict),
    Column("bundle", ForeignKey("bundle.sha256")),
    Column("path", String(1000)),
    Column("retries", Integer, nullable=False, default=0),
    Column("retry_delays", JSON(), nullable=False, default=list),
    Column("paused", Boolean, nullable=False, default=False),
    instant("created"),
    instant("updated"),
    Column("concurrency_limit", Integer),
    Column("collision_strategy", String(20)),
    Column("grace_period_seconds", Integer),
    UniqueConstraint("flow_id", "name"),
)

schedule = Table(
    "schedule",
    metadata,
    row_key(),
    Column("deployment_id", ForeignKey("deployment.id", ondelete="CASCADE"), nullable=False),
    Column("slug", String(100), nullable=False),
    Column("cron", String(200)),
    Column("interval_seconds", Float),
    instant("anchor", nullable=True),
    Column("rrule", Text),
    instant("at", nullable=True),
    Column("timezone", String(100), nullable=False, default="UTC"),
    Column("active", Boolean, nullable=False, default=True),
    Column("parameters", JSON(), nullable=False, default=dict),
    Column("catch_up", String(20), nullable=False),
    Column("overlap", String(20), nullable=False),
    instant("materialised_until"),
    # For when its timer in the cloud is set; NULL: it has none; the year 9999: no more times will come.
    instant("timer_at", nullable=True),
    UniqueConstraint("deployment_id", "slug"),
)

flow_run = Table(
    "flow_run",
    metadata,
    row_key(),
    Column("name", String(500), nullable=False),
    Column("flow_id", ForeignKey("flow.id", ondelete="CASCADE"), nullable=False),
    Column("flow_version", String(200)),
    Column("deployment_id", ForeignKey("deployment.id", ondelete="SET NULL")),
    Column("work_queue_id", ForeignKey("work_queue.id", ondelete="SET NULL")),
    # Where it comes from. A run of a schedule is identified by what it stands for.
    Column("schedule_slug", String(100)),
    instant("occurrence", nullable=True),
    # What happens while another run of its schedule has not ended; NULL: nothing, they may overlap.
    Column("overlap", String(20)),
    Column("idempotency_key", String(200)),
    Column("created_by", String(20), nullable=False),
    Column("parent_flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE")),
    Column("root_flow_run_id", Uuid(), nullable=False),
    Column("parameters", JSON(), nullable=False, default=dict),
    Column("job_variables", JSON(), nullable=False, default=dict),
    Column("tags", Tags(), nullable=False, default=list),
    # Where it stands.
    Column("state_type", String(20), nullable=False),
    Column("state_name", String(100), nullable=False),
    Column("state_message", Text),
    # Where the result is stored, if it is.
    Column("state_result", String(2000)),
    instant("state_timestamp"),
    # CRASHED because a lease ended: its executor may come back and say otherwise.
    Column("provisional", Boolean, nullable=False, default=False),
    instant("due"),
    instant("started", nullable=True),
    instant("ended", nullable=True),
    # Who executes it.
    Column("attempt", Integer, nullable=False, default=0),
    Column("unstarted_claims", Integer, nullable=False, default=0),
    Column("report_sequence", Integer, nullable=False, default=0),
    Column("claim_id", Uuid()),
    Column("agent_id", Uuid()),
    Column("infrastructure", String(500)),
    instant("lease_until", nullable=True),
    # Until when its agent may keep it PENDING, however often it renews the lease.
    instant("start_by", nullable=True),
    # The lease was moved on after an outage of ours, and not renewed since.
    Column("lease_extended", Boolean, nullable=False, default=False),
    # The outbox: when its queue is to be woken next, and how long to wait after that.
    instant("wake_at", nullable=True),
    Column("wake_interval", Float, nullable=False, default=60.0),
    # The policy of retries, and how many of them are used.
    Column("retries", Integer, nullable=False, default=0),
    Column("retry_delays", JSON(), nullable=False, default=list),
    Column("retries_used", Integer, nullable=False, default=0),
    instant("created"),
    instant("updated"),
    # Since when runs that it has started as its own are to be cancelled with it; NULL: none is left.
    instant("cancels_linked", nullable=True),
    UniqueConstraint("deployment_id", "schedule_slug", "occurrence"),
    UniqueConstraint("deployment_id", "idempotency_key"),
)

flow_run_state = Table(
    "flow_run_state",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("type", String(20), nullable=False),
    Column("name", String(100), nullable=False),
    Column("message", Text),
    Column("result", String(2000)),
    instant("timestamp"),
)

task_run = Table(
    "task_run",
    metadata,
    row_key(),
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("task_key", String(500), nullable=False),
    Column("name", String(500), nullable=False),
    Column("index", Integer, nullable=False),
    Column("tags", Tags(), nullable=False, default=list),
    Column("inputs", JSON(), nullable=False, default=dict),
    Column("state_type", String(20), nullable=False),
    Column("state_name", String(100), nullable=False),
    # The whole history, oldest first: [[type, name, message, microseconds since 1970], ...], with
    # a fifth element, where the result is stored, in an entry that has one.
    Column("history", JSON(), nullable=False),
)

log = Table(
    "log",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), nullable=False),
    Column("task_run_id", Uuid()),
    Column("attempt", Integer, nullable=False),
    instant("timestamp"),
    Column("level", SmallInteger, nullable=False),
    Column("logger", String(200), nullable=False),
    Column("message", Text, nullable=False),
)

claim = Table(
    "claim",
    metadata,
    row_key(),
    Column("agent_id", Uuid(), nullable=False),
    Column("work_pool_id", ForeignKey("work_pool.id", ondelete="CASCADE"), nullable=False),
    Column("created", Instant(), nullable=False, index=True),
)

concurrency_slot = Table(
    "concurrency_slot",
    metadata,
    # `work-pool:<id>`, `work-queue:<id>`, or `deployment:<id>` where that has a limit; or, of a run that waits for
    # another one to end, `flow-run:<id>` of that
    Column("limit_key", String(200), primary_key=True),
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
)

clockwork = Table(
    "clockwork",
    metadata,
    # One row, id 1.
    Column("id", Integer, primary_key=True),
    instant("last_tick"),
    # Up to which end of a run its logs and its task runs are purged.
    instant("logs_purged_until", nullable=True),
    instant("task_runs_purged_until", nullable=True),
    # Up to which hour since 1970 the runs are counted in `hourly_runs`.
    Column("runs_counted_until", Integer),
)

ALL_RUNS = UUID(int=0)
"""The `scope_id` of counts of all runs."""

# How many of the runs that were due in an hour are in which state; no row where there are none.
hourly_runs = Table(
    "hourly_runs",
    metadata,
    # `ALL_RUNS`, or the id of a flow, a deployment or a work queue: of its runs.
    Column("scope_id", Uuid(), primary_key=True),
    # Since 1970.
    Column("hour", Integer, primary_key=True),
    Column("is_subflow", Boolean, primary_key=True),
    Column("state_type", String(20), primary_key=True),
    Column("runs", Integer, nullable=False),
)

# Hours whose runs have changed since they were counted. Triggers of `flow_run` write it, which the migrations make.
stale_hour = Table(
    "stale_hour",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("hour", Integer, nullable=False),
)
