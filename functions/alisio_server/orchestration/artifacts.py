"""Artifacts: storing those that reports bring, and making, changing and removing single ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, update

from alisio.contract.artifacts import ArtifactCreate, ArtifactPatch
from alisio.contract.ids import new_id
from alisio.contract.news import ArtifactNews
from alisio_server.database.around_tables import artifact
from alisio_server.errors import NotFoundError
from alisio_server.orchestration.artifact_data import no_such_data, release_data, take_data
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

_CHANGES = ("description", "data", "updated")


def store_artifacts(tx: Transaction, root: Row[Any], news: Iterable[ArtifactNews], now: datetime) -> None:
    """Store the artifacts of a report. One that is there already gets the new data, if it is of the same run.

    Args:
        tx: The transaction.
        root: The run that is reported on.
        news: The artifacts, all of which belong to it or its subflows.
        now: The database's time.
    """
    latest = {each.id: each for each in news}
    rows = [_row(each, root, now) for each in latest.values()]
    statement = insert_into(tx, artifact)
    statement = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={name: statement.excluded[name] for name in _CHANGES},
        where=artifact.c.flow_run_id == statement.excluded.flow_run_id,
    )
    tx.connection.execute(statement, rows)
    apart = {each.data_id: each for each in latest.values() if each.data_id is not None}
    owners = {row["flow_run_id"] for row in rows}
    release_data(tx, list(latest), list(apart), artifact.c.flow_run_id.in_(owners))
    for data_id, each in apart.items():
        # Data that were removed, as they came more than a day before, are no reason to refuse a report.
        take_data(tx, each.id, data_id, each.flow_run_id or root.id)


def _row(news: ArtifactNews, root: Row[Any], now: datetime) -> dict[str, Any]:
    data = None if news.data_id is not None else news.data
    named = news.model_dump(exclude={"data", "data_id"})
    return {**named, "data": data, "flow_run_id": news.flow_run_id or root.id, "updated": now}


def create_artifact(tx: Transaction, wanted: ArtifactCreate) -> UUID:
    """Make an artifact outside of runs. Where one of its id is there already, nothing is done.

    Returns:
        Its id.

    Raises:
        NotFoundError: It names data that are not here.
    """
    now = tx.now()
    artifact_id = wanted.id or new_id()
    values = {**wanted.model_dump(exclude={"data_id"}), "id": artifact_id, "created": now, "updated": now}
    if wanted.data_id is not None:
        values["data"] = None
    new = insert_into(tx, artifact).values(values).on_conflict_do_nothing(index_elements=["id"])
    is_new = tx.connection.execute(new.returning(artifact.c.id)).first() is not None
    if is_new and wanted.data_id is not None and not take_data(tx, artifact_id, wanted.data_id, None):
        raise no_such_data(wanted.data_id)
    return artifact_id


def change_artifact(tx: Transaction, artifact_id: UUID, patch: ArtifactPatch) -> None:
    """Change the description or the data of an artifact, in place.

    Raises:
        NotFoundError: There is no such artifact, or the data that it is to have are not here.
    """
    values = {**patch.model_dump(exclude_unset=True, exclude={"data_id"}), "updated": tx.now()}
    if patch.data_id is not None:
        values["data"] = None
    changed = update(artifact).where(artifact.c.id == artifact_id).values(values).returning(artifact.c.flow_run_id)
    row = tx.connection.execute(changed).one_or_none()
    if row is None:
        raise no_such_artifact(artifact_id)
    if "data" in values:
        release_data(tx, [artifact_id], [] if patch.data_id is None else [patch.data_id])
    if patch.data_id is not None and not take_data(tx, artifact_id, patch.data_id, row.flow_run_id):
        raise no_such_data(patch.data_id)


def delete_artifact(tx: Transaction, artifact_id: UUID) -> None:
    """Remove an artifact.

    Raises:
        NotFoundError: There is no such artifact.
    """
    if tx.connection.execute(delete(artifact).where(artifact.c.id == artifact_id)).rowcount == 0:
        raise no_such_artifact(artifact_id)


def delete_versions(tx: Transaction, key: str) -> None:
    """Remove all versions of a key.

    Raises:
        NotFoundError: There is none.
    """
    if tx.connection.execute(delete(artifact).where(artifact.c.key == key)).rowcount == 0:
        raise no_such_key(key)


def no_such_artifact(artifact_id: UUID) -> NotFoundError:
    """Say that there is no artifact of an id."""
    return NotFoundError(f"there is no artifact {artifact_id}", code="artifact_not_found", field="artifact_id")


def no_such_key(key: str) -> NotFoundError:
    """Say that there is no artifact of a key."""
    return NotFoundError(f"there is no artifact with the key {key!r}", code="artifact_not_found", field="key")
