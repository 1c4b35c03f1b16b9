"""The indexes of the tables. Importing this module puts them on the tables' metadata, `metadata` here.

They stand apart because only migrations need them described, and SQLAlchemy imports the whole PostgreSQL dialect
to describe a partial index: 20 ms of every script. One more is known to the migrations alone, as not every PostgreSQL
can have it: `ix_flow_run_name_parts`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, func, text

from alisio_server.database.access_tables import api_key, audit_log
from alisio_server.database.around_tables import (
    artifact,
    artifact_data,
    asset_dependency,
    asset_materialization,
    event,
)
from alisio_server.database.block_tables import block_reference
from alisio_server.database.columns import metadata
from alisio_server.database.control_tables import flow_run_pause
from alisio_server.database.limit_tables import concurrency_lease, concurrency_lease_slots
from alisio_server.database.tables import concurrency_slot, deployment, flow_run, hourly_runs, log, task_run

__all__ = ["metadata"]


def _partial_index(name: str, condition: str, *columns: Column[Any], unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition))


Index("ix_flow_run_created", flow_run.c.created, flow_run.c.id)
Index("ix_flow_run_due", flow_run.c.due, flow_run.c.id)
# When a run began, or else is to begin; `queries/flow_runs.py` says the same.
Index("ix_flow_run_start", func.coalesce(flow_run.c.started, flow_run.c.due), flow_run.c.id)
Index("ix_flow_run_state", flow_run.c.state_type, flow_run.c.created)
Index("ix_flow_run_name", flow_run.c.name, flow_run.c.created)
Index("ix_flow_run_state_name", flow_run.c.state_name, flow_run.c.created)
Index("ix_flow_run_created_by", flow_run.c.created_by, flow_run.c.created)
Index("ix_flow_run_flow", flow_run.c.flow_id, flow_run.c.created)
Index("ix_flow_run_deployment", flow_run.c.deployment_id, flow_run.c.created)
Index("ix_flow_run_parent", flow_run.c.parent_flow_run_id)
Index("ix_flow_run_tags", flow_run.c.tags, postgresql_using="gin", postgresql_ops={"tags": "jsonb_path_ops"}).ddl_if(
    dialect="postgresql"
)

_partial_index(
    "ix_flow_run_claimable",
    "state_type = 'SCHEDULED'",
    flow_run.c.work_queue_id,
    flow_run.c.due,
    flow_run.c.id,
)
_partial_index("ix_flow_run_wake_at", "wake_at IS NOT NULL", flow_run.c.wake_at)
_partial_index("ix_flow_run_lease_until", "lease_until IS NOT NULL", flow_run.c.lease_until)
_partial_index("ix_flow_run_root", "root_flow_run_id != id", flow_run.c.root_flow_run_id)
_partial_index("ix_flow_run_ended", "ended IS NOT NULL", flow_run.c.ended)
_partial_index(
    "ix_flow_run_overlap",
    "overlap IS NOT NULL AND ended IS NULL",
    flow_run.c.deployment_id,
    flow_run.c.schedule_slug,
    flow_run.c.occurrence,
)
_partial_index("ix_flow_run_cancels_linked", "cancels_linked IS NOT NULL", flow_run.c.cancels_linked)
_partial_index("ix_flow_run_claim", "claim_id IS NOT NULL", flow_run.c.claim_id)
Index("ix_task_run_flow_run", task_run.c.flow_run_id, task_run.c.id)
Index("ix_log_flow_run", log.c.flow_run_id, log.c.id)
Index("ix_audit_log_timestamp", audit_log.c.timestamp, audit_log.c.id)
_partial_index("ix_api_key_name", "revoked IS NULL", api_key.c.name, unique=True)
Index("ix_concurrency_slot_flow_run", concurrency_slot.c.flow_run_id)
Index("ix_hourly_runs_hour", hourly_runs.c.hour)
Index("ix_concurrency_lease_flow_run", concurrency_lease.c.flow_run_id)
Index("ix_concurrency_lease_slots_lease", concurrency_lease_slots.c.lease_id)
_partial_index("ix_deployment_limited", "concurrency_limit IS NOT NULL", deployment.c.id)
Index("ix_block_reference_held", block_reference.c.held_id)
Index("ix_artifact_created", artifact.c.created, artifact.c.id)
Index("ix_artifact_flow_run", artifact.c.flow_run_id, artifact.c.created)
_partial_index("ix_artifact_key", "key IS NOT NULL", artifact.c.key, artifact.c.created, artifact.c.id)
_partial_index("ix_artifact_task_run", "task_run_id IS NOT NULL", artifact.c.task_run_id)
Index("ix_artifact_data_artifact", artifact_data.c.artifact_id, unique=True)
_partial_index("ix_artifact_data_unused", "artifact_id IS NULL", artifact_data.c.created)
Index("ix_asset_dependency_upstream", asset_dependency.c.upstream_key)
Index(
    "ix_asset_materialization_asset",
    asset_materialization.c.asset_key,
    asset_materialization.c.timestamp,
    asset_materialization.c.task_run_id,
)
Index("ix_asset_materialization_flow_run", asset_materialization.c.flow_run_id)
Index("ix_event_occurred", event.c.occurred, event.c.id)
Index("ix_event_event", event.c.event, event.c.occurred)
Index("ix_event_resource", event.c.resource_id, event.c.occurred)
_partial_index("ix_event_flow_run", "flow_run_id IS NOT NULL", event.c.flow_run_id, event.c.occurred)
_partial_index("ix_flow_run_pause_expires", "status = 'waiting' AND expires IS NOT NULL", flow_run_pause.c.expires)
