"""Runs revisions for Alembic, on the connection that `alisio_server.database.migrate` has opened and locked.

To write a revision, edit `tables.py`, then add a file in `versions/` and set `HEAD` in `migrate.py`; the test of
the migrations says where the two differ.
"""

from __future__ import annotations

from alembic import context

from alisio_server.database.indexes import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
