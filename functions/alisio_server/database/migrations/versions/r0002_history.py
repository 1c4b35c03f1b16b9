"""Counts of runs by the hour, which triggers keep true, and indexes for what listings of runs are narrowed by.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import NotSupportedError, OperationalError, ProgrammingError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

INDEXED = (
    ("ix_flow_run_name", "name"),
    ("ix_flow_run_state_name", "state_name"),
    ("ix_flow_run_created_by", "created_by"),
)

# An hour is counted when it is over for two hours. Until one hour after their time, runs change without a note: a
# transaction would have to go on for an hour to be missed by the count. The hours go by the database's clock.
EVENTS = ("insert", "update", "delete")
CHANGED = ("due", "state_type", "flow_id", "deployment_id", "work_queue_id")

POSTGRESQL_FUNCTION = """
CREATE FUNCTION note_stale_hour() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stale_hour (hour)
    SELECT DISTINCT floor(extract(epoch FROM due) / 3600)::integer
    FROM (VALUES (OLD.due), (NEW.due)) AS changed (due) WHERE due IS NOT NULL;
    RETURN NULL;
END
$$
"""
POSTGRESQL_PAST = "{row}.due < clock_timestamp() - interval '1 hour'"
SQLITE_PAST = "{row}.due < strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')"
SQLITE_NOTE = "INSERT INTO stale_hour (hour) VALUES (CAST(strftime('%s', {row}.due) AS INTEGER) / 3600);"


def upgrade() -> None:
    op.add_column("clockwork", sa.Column("runs_counted_until", sa.Integer()))
    op.create_table(
        "hourly_runs",
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("is_subflow", sa.Boolean(), nullable=False),
        sa.Column("state_type", sa.String(length=20), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "hour", "is_subflow", "state_type", name="pk_hourly_runs"),
    )
    op.create_index("ix_hourly_runs_hour", "hourly_runs", ["hour"])
    op.create_table(
        "stale_hour",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stale_hour"),
    )
    for name, column in INDEXED:
        op.create_index(name, "flow_run", [column, "created"])
    if _is_postgresql():
        op.create_index("ix_flow_run_tags", "flow_run", ["tags"], **_gin("tags", "jsonb_path_ops"))
        _index_parts_of_names()
        op.execute(POSTGRESQL_FUNCTION)
    for event in EVENTS:
        op.execute(_postgresql_trigger(event) if _is_postgresql() else _sqlite_trigger(event))


def downgrade() -> None:
    for event in EVENTS:
        op.execute(f"DROP TRIGGER flow_run_{event}" + (" ON flow_run" if _is_postgresql() else ""))
    if _is_postgresql():
        op.execute("DROP FUNCTION note_stale_hour")
        op.drop_index("ix_flow_run_name_parts", "flow_run", if_exists=True)
        op.drop_index("ix_flow_run_tags", "flow_run")
    for name, _ in INDEXED:
        op.drop_index(name, "flow_run")
    op.drop_table("stale_hour")
    op.drop_table("hourly_runs")
    op.drop_column("clockwork", "runs_counted_until")


def _gin(column: str, operators: str) -> dict[str, Any]:
    return {"postgresql_using": "gin", "postgresql_ops": {column: operators}}


def _index_parts_of_names() -> None:
    """Make searching names for a part of them fast, where this server has pg_trgm and we may use it."""
    try:
        with op.get_bind().begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            op.create_index("ix_flow_run_name_parts", "flow_run", ["name"], **_gin("name", "gin_trgm_ops"))
    except (NotSupportedError, OperationalError, ProgrammingError):
        # Without it the search reads the runs, the newest first.
        return


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _postgresql_trigger(event: str) -> str:
    columns = f" OF {', '.join(CHANGED)}" if event == "update" else ""
    condition = _condition(event, POSTGRESQL_PAST, "IS DISTINCT FROM")
    return (
        f"CREATE TRIGGER flow_run_{event} AFTER {event}{columns} ON flow_run FOR EACH ROW "
        f"WHEN ({condition}) EXECUTE FUNCTION note_stale_hour()"
    )


def _sqlite_trigger(event: str) -> str:
    columns = f" OF {', '.join(CHANGED)}" if event == "update" else ""
    notes = " ".join(SQLITE_NOTE.format(row=row) for row in _rows(event))
    condition = _condition(event, SQLITE_PAST, "IS NOT")
    return f"CREATE TRIGGER flow_run_{event} AFTER {event}{columns} ON flow_run WHEN {condition} BEGIN {notes} END"


def _rows(event: str) -> tuple[str, ...]:
    return {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}[event]


def _condition(event: str, past: str, differs: str) -> str:
    condition = " OR ".join(past.format(row=row) for row in _rows(event))
    if event != "update":
        return condition
    changed = " OR ".join(f"old.{name} {differs} new.{name}" for name in CHANGED)
    return f"({condition}) AND ({changed})"
