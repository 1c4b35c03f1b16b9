"""Data of artifacts that are too large for a row and lie in the object store: whose they are, and when they go.

A row stands for each upload before its bytes can come, so no object is ever without one; what no artifact names a day
later, or any more, the purge removes. Reports import this; how data come is in `artifact_uploads`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, select, update

from alisio_server.database.around_tables import artifact, artifact_data
from alisio_server.errors import NotFoundError
from alisio_server.orchestration.bites import NOTHING, Bite
from alisio_server.services import Services, Transaction

DATA_GRACE = timedelta(days=1)
"""How long uploaded data wait for their artifact: longer than a report is tried again."""

_OBJECTS = 20


def data_key(data_id: UUID) -> str:
    """Tell by which key the object store knows data."""
    return f"artifact-data/{data_id}"


def take_data(tx: Transaction, artifact_id: UUID, data_id: UUID, flow_run_id: UUID | None) -> bool:
    """Make data those of an artifact.

    Args:
        tx: The transaction, in which the artifact is there.
        artifact_id: The artifact.
        data_id: Its data.
        flow_run_id: The run of which it is; the artifacts of others are left alone.

    Returns:
        Whether it has them now: they are there, and no other artifact's.
    """
    owner = exists().where(artifact.c.id == artifact_id, artifact.c.flow_run_id.is_not_distinct_from(flow_run_id))
    free = (artifact_data.c.id == data_id, artifact_data.c.artifact_id.is_(None), artifact_data.c.stored, owner)
    taken = tx.connection.execute(update(artifact_data).where(*free).values(artifact_id=artifact_id)).rowcount
    mine = select(artifact_data.c.id).where(
        artifact_data.c.id == data_id, artifact_data.c.artifact_id == artifact_id, owner
    )
    return bool(taken) or tx.connection.execute(mine).first() is not None


def release_data(
    tx: Transaction, artifact_ids: Collection[UUID], kept: Collection[UUID], *which: ColumnElement[bool]
) -> None:
    """Let go of the data that artifacts had, as they have others now; the purge removes them.

    Args:
        tx: The transaction.
        artifact_ids: The artifacts.
        kept: Data to keep.
        which: Conditions on `artifact` that those must meet of whom data are let go.
    """
    columns = artifact_data.c
    mine = exists().where(artifact.c.id == columns.artifact_id, *which)
    others = [columns.id.not_in(kept)] if kept else []
    gone = update(artifact_data).where(columns.artifact_id.in_(artifact_ids), mine, *others)
    tx.connection.execute(gone.values(artifact_id=None))


def purge_data(tx: Transaction, services: Services) -> Bite:
    """Remove data that no artifact has, up to 20 of them, with their objects."""
    gone = select(artifact_data.c.id).where(unused_data(tx.now())).order_by(artifact_data.c.created).limit(_OBJECTS)
    ids = tx.connection.execute(gone.with_for_update(skip_locked=True)).scalars().all()
    if not ids:
        return NOTHING
    for data_id in ids:
        # Before the commit: where that fails, the rows are still there and it is done again.
        services.objects.delete(data_key(data_id))
    tx.connection.execute(delete(artifact_data).where(artifact_data.c.id.in_(ids)))
    return Bite(len(ids), len(ids) == _OBJECTS)


def unused_data(now: datetime) -> ColumnElement[bool]:
    """Make the condition on `artifact_data` that they may go: no artifact has them, though there was time."""
    return artifact_data.c.artifact_id.is_(None) & (artifact_data.c.created <= now - DATA_GRACE)


def no_such_data(data_id: UUID) -> NotFoundError:
    """Say that there are no data of an id."""
    message = f"there are no data {data_id} of an artifact: they were removed, or not all of them were uploaded"
    return NotFoundError(message, code="artifact_data_not_found", field="data_id")
