"""The tables of what flows keep around their runs: variables, artifacts, assets and their lineage, events."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Table, Text, Uuid

from alisio_server.database.columns import instant, metadata, row_key
from alisio_server.database.types import Tags

variable = Table(
    "variable",
    metadata,
    row_key(),
    Column("name", String(255), nullable=False, unique=True),
    Column("value", JSON(), nullable=False),
    Column("tags", Tags(), nullable=False, default=list),
    instant("created"),
    instant("updated"),
)

artifact = Table(
    "artifact",
    metadata,
    row_key(),
    # Artifacts of one key are versions of one thing, the latest of them being the one created last.
    Column("key", String(255)),
    Column("type", String(50), nullable=False),
    Column("description", Text),
    Column("data", JSON(), nullable=False),
    # NULL: it was made outside of runs, and stays until somebody deletes it.
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE")),
    Column("task_run_id", Uuid()),
    instant("created"),
    instant("updated"),
)

# Data of artifacts that are too large for a row: they lie in the object store, by a key that is made of the id.
artifact_data = Table(
    "artifact_data",
    metadata,
    row_key(),
    # NULL: no artifact has come for them yet, or it is gone or has other data now. Whichever way it goes, the database
    # itself says so here, and the purge removes the object.
    Column("artifact_id", ForeignKey("artifact.id", ondelete="SET NULL")),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    # Whether the object store has all of it.
    Column("stored", Boolean, nullable=False),
    instant("created"),
)

asset = Table(
    "asset",
    metadata,
    Column("key", String(512), primary_key=True),
    # Its name, description, owners and URL, as they were last given; NULL: nobody said any.
    Column("properties", JSON(none_as_null=True)),
    instant("created"),
    instant("updated"),
)

# What an asset was ever made from. It outlives the runs that said so.
asset_dependency = Table(
    "asset_dependency",
    metadata,
    Column("asset_key", ForeignKey("asset.key", ondelete="CASCADE"), primary_key=True),
    Column("upstream_key", ForeignKey("asset.key", ondelete="CASCADE"), primary_key=True),
    instant("last_seen"),
)

asset_materialization = Table(
    "asset_materialization",
    metadata,
    Column("task_run_id", Uuid(), primary_key=True),
    Column("asset_key", ForeignKey("asset.key", ondelete="CASCADE"), primary_key=True),
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("materialized_by", String(200)),
    Column("metadata", JSON(), nullable=False),
    Column("upstream", JSON(), nullable=False),
    instant("timestamp"),
)

event = Table(
    "event",
    metadata,
    row_key(),
    Column("event", String(500), nullable=False),
    Column("resource_id", String(500), nullable=False),
    Column("resource", JSON(), nullable=False),
    Column("related", JSON(), nullable=False),
    Column("payload", JSON(), nullable=False),
    Column("follows", Uuid()),
    # No foreign key: an event tells of a run that may be gone.
    Column("flow_run_id", Uuid()),
    instant("occurred"),
    instant("received"),
)
