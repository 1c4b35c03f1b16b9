"""Uploading data of artifacts that are too large for a body, before the artifact that names them is made."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from alisio.contract.artifact_data import ArtifactDataAnnounce, ArtifactDataAnswer
from alisio_server.database.around_tables import artifact_data
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.artifact_data import data_key, no_such_data
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Services


def announce_data(services: Services, announced: ArtifactDataAnnounce) -> ArtifactDataAnswer:
    """Say whether data are here already, and if not, how to send them.

    What was sent to an object store outside of this server is first heard of here, when it is announced again.

    Raises:
        ConflictError: Others were announced by that id.
    """
    values = {**announced.model_dump(), "stored": False}
    with services.transaction() as tx:
        row = insert_into(tx, artifact_data).values(**values, created=tx.now())
        new = row.on_conflict_do_nothing(index_elements=["id"]).returning(artifact_data.c.id)
        is_new = tx.connection.execute(new).first() is not None
        known = _find(tx.connection, announced.id)
    if (known.sha256, known.size) != (announced.sha256, announced.size):
        message = f"other data were announced by the id {announced.id}: take another"
        raise ConflictError(message, code="artifact_data_exist", field="id")
    key = data_key(announced.id)
    if known.stored or (not is_new and services.objects.size_of(key) == known.size and _note(services, announced.id)):
        return ArtifactDataAnswer(id=announced.id, size=announced.size)
    upload = services.objects.upload_for(key, announced.size, announced.sha256)
    return ArtifactDataAnswer(id=announced.id, size=announced.size, upload=upload)


def store_data(services: Services, data_id: UUID, content: bytes) -> ArtifactDataAnswer:
    """Store data that were announced, whole or not at all. Storing them again does no harm.

    Raises:
        NotFoundError: They were not announced, or too long ago.
        InvalidInputError: They are not those that were announced; nothing is stored.
        OSError: The object store cannot be written.
    """
    with services.database.read() as connection:
        known = _find(connection, data_id)
    if hashlib.sha256(content).hexdigest() != known.sha256:
        message = f"the content's sha256 is not {known.sha256}, which was announced: send it again"
        raise InvalidInputError(message, code="sha256_mismatch", field="sha256")
    if not known.stored:
        services.objects.put(data_key(data_id), content)
        if not _note(services, data_id):
            raise no_such_data(data_id)
    return ArtifactDataAnswer(id=data_id, size=len(content))


def fetch_data(services: Services, data_id: UUID) -> bytes:
    """Fetch data, which are JSON.

    Raises:
        NotFoundError: There are none by that id, or not all of them have come.
    """
    demand_stored(services, data_id)
    try:
        return services.objects.get(data_key(data_id))
    except KeyError:
        raise no_such_data(data_id) from None


def demand_stored(services: Services, data_id: UUID) -> None:
    """Refuse to name data that are not here.

    Raises:
        NotFoundError: There are none by that id, or not all of them have come.
    """
    with services.database.read() as connection:
        if not _find(connection, data_id).stored:
            raise no_such_data(data_id)


def _find(connection: Connection, data_id: UUID) -> Row[Any]:
    row = connection.execute(select(artifact_data).where(artifact_data.c.id == data_id)).one_or_none()
    if row is None:
        raise no_such_data(data_id)
    return row


def _note(services: Services, data_id: UUID) -> bool:
    """Note that the object is there. Where its row has gone, as it waited too long, the object goes too: False."""
    with services.transaction() as tx:
        noted = update(artifact_data).where(artifact_data.c.id == data_id).values(stored=True)
        if tx.connection.execute(noted).rowcount:
            return True
    services.objects.delete(data_key(data_id))
    return False
