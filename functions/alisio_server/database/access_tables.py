"""The tables of who may do what, and who has done what: API keys and the audit log."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, String, Table, Uuid

from alisio_server.database.columns import RowId, instant, metadata, row_key

api_key = Table(
    "api_key",
    metadata,
    row_key(),
    Column("name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    # SHA-256 of the secret in hexadecimal; the secret itself is nowhere.
    Column("secret_hash", String(64), nullable=False),
    instant("created"),
    Column("created_by", String(200), nullable=False),
    instant("expires", nullable=True),
    instant("last_used", nullable=True),
    instant("revoked", nullable=True),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    instant("timestamp"),
    Column("actor", String(200), nullable=False),
    Column("api_key_id", Uuid()),
    Column("role", String(20), nullable=False),
    Column("action", String(100), nullable=False),
    Column("target", String(1000), nullable=False),
    # Names of the body's fields; values may be secrets.
    Column("fields", JSON(), nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("source", String(100)),
)
