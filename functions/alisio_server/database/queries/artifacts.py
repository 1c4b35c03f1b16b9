"""Reading artifacts: single ones, the versions of a key, and the latest of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, select, tuple_

from alisio.contract.artifacts import ArtifactFilter, ArtifactQuery, ArtifactRecord, ArtifactSort
from alisio.contract.base import Count, Page
from alisio_server.database.around_tables import artifact, artifact_data
from alisio_server.database.queries.conditions import any_of, contains
from alisio_server.database.queries.paging import Order, count_rows, read_page

_AGE = (artifact.c.created, artifact.c.id)
_ORDERS = {
    ArtifactSort.CREATED_DESC: Order("artifacts.created_desc", _AGE, descending=True),
    ArtifactSort.CREATED_ASC: Order("artifacts.created_asc", _AGE),
}
_newer = artifact.alias("newer")
_FROM = artifact.outerjoin(artifact_data, artifact_data.c.artifact_id == artifact.c.id)
_DATA_ID = artifact_data.c.id.label("data_id")
_WHOLE = select(artifact, _DATA_ID).select_from(_FROM)


def find_artifact(connection: Connection, artifact_id: UUID) -> ArtifactRecord | None:
    """Read an artifact; None where there is none such."""
    row = connection.execute(_WHOLE.where(artifact.c.id == artifact_id)).one_or_none()
    return None if row is None else _build(row)


def find_latest(connection: Connection, key: str) -> ArtifactRecord | None:
    """Read the latest version of a key; None where there is none."""
    newest_first = (column.desc() for column in _AGE)
    statement = _WHOLE.where(artifact.c.key == key).order_by(*newest_first).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _build(row)


def filter_artifacts(connection: Connection, query: ArtifactQuery) -> Page[ArtifactRecord]:
    """Read a page of artifacts."""
    columns = [column for column in artifact.c if query.with_data or column is not artifact.c.data]
    statement = select(*columns, _DATA_ID).select_from(_FROM).where(*_conditions(query.filter))
    return read_page(connection, statement, _ORDERS[query.sort], _build, limit=query.rows, cursor=query.cursor)


def count_artifacts(connection: Connection, wanted: ArtifactFilter) -> Count:
    """Count artifacts, exactly up to 10,000."""
    return count_rows(connection, select(artifact.c.id).where(*_conditions(wanted)))


def _conditions(wanted: ArtifactFilter) -> list[ColumnElement[bool]]:
    columns = artifact.c
    conditions = [
        *any_of(columns.id, wanted.ids),
        *any_of(columns.key, wanted.keys),
        *contains(columns.key, wanted.key_contains),
        *any_of(columns.type, wanted.types),
        *any_of(columns.flow_run_id, wanted.flow_run_ids),
        *any_of(columns.task_run_id, wanted.task_run_ids),
    ]
    if wanted.has_key is not None:
        conditions.append(columns.key.is_not(None) if wanted.has_key else columns.key.is_(None))
    if wanted.latest:
        is_newer = tuple_(_newer.c.created, _newer.c.id) > tuple_(columns.created, columns.id)
        conditions += [columns.key.is_not(None), ~exists().where(and_(_newer.c.key == columns.key, is_newer))]
    return conditions


def _build(row: Row[Any]) -> ArtifactRecord:
    return ArtifactRecord.model_validate(dict(row._mapping))
