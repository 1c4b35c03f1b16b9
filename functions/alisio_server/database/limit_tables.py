"""The tables of named limits: what they allow, and who holds or waits for slots of them."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, String, Table

from alisio_server.database.columns import instant, metadata, row_key

concurrency_limit = Table(
    "concurrency_limit",
    metadata,
    row_key(),
    # `tag:<tag>`: it limits tasks that have the tag.
    Column("name", String(200), nullable=False, unique=True),
    Column("limit", Integer, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    # Above 0: a limit of rate. Its slots are no rows: `decaying` of them were taken at `decayed_at`.
    Column("slot_decay_per_second", Float, nullable=False, default=0.0),
    Column("decaying", Float, nullable=False, default=0.0),
    instant("decayed_at"),
    instant("created"),
    instant("updated"),
)

concurrency_lease = Table(
    "concurrency_lease",
    metadata,
    row_key(),
    # It lives on the lease of this attempt of a root run; NULL: on its own.
    Column("flow_run_id", ForeignKey("flow_run.id", ondelete="CASCADE")),
    Column("attempt", Integer),
    # It only waits for its slots, since `asked`.
    Column("waiting", Boolean, nullable=False),
    instant("asked"),
    # Of its own; of one that waits always; of one that lives on a run's since that run fell silent.
    instant("expires", nullable=True),
    Column("lease_seconds", Float, nullable=False),
    # It was moved on after an outage of ours, and not renewed since.
    Column("extended", Boolean, nullable=False, default=False),
    # For people: {"type": …, "id": …}
    Column("holder", JSON(none_as_null=True)),
)

concurrency_lease_slots = Table(
    "concurrency_lease_slots",
    metadata,
    Column("limit_id", ForeignKey("concurrency_limit.id", ondelete="CASCADE"), primary_key=True),
    Column("lease_id", ForeignKey("concurrency_lease.id", ondelete="CASCADE"), primary_key=True),
    Column("slots", Integer, nullable=False),
)
