"""The tables of runs that wait for people: where they pause, and what they are sent while they run."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from alisio_server.database.columns import RowId, instant, metadata

# A place in a flow's code where its run pauses: once resumed it is not stopped there again, in any attempt.
flow_run_pause = Table(
    "flow_run_pause",
    metadata,
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(200), primary_key=True),
    # The attempt that waits there, or waited last.
    Column("attempt", Integer, nullable=False),
    Column("suspends", Boolean, nullable=False),
    Column("status", String(20), nullable=False),
    Column("description", Text),
    # What it waits for, as JSON Schema, and what it was given. NULL: for nothing but to be resumed.
    Column("input_schema", JSON(none_as_null=True)),
    Column("input", JSON(none_as_null=True)),
    instant("created"),
    # When it is too late to resume it; NULL: never.
    instant("expires", nullable=True),
)

flow_run_input = Table(
    "flow_run_input",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE"), nullable=False),
    Column("key", String(300), nullable=False),
    # JSON, as its sender has written it.
    Column("value", Text, nullable=False),
    # Such as `alisio.flow-run.<id>`.
    Column("sender", String(300)),
    instant("created"),
    UniqueConstraint("flow_run_id", "key"),
)
