"""Artifacts whose data are too large to travel with them: sending and fetching those, as steps of any client."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from alisio.client.calls import around
from alisio.client.operations import Steps, ask
from alisio.contract.artifact_data import MAX_ARTIFACT_DATA_BYTES, ArtifactDataAnnounce
from alisio.contract.artifacts import ArtifactRecord
from alisio.contract.ids import new_id
from alisio.contract.json_values import encoded_json
from alisio.exceptions import ApiError


def upload_data(data: Any) -> Steps[UUID]:
    """Upload data for an artifact, and give the id by which it names them.

    Raises:
        ValueError: JSON cannot say them, or not in 20 MB.
    """
    try:
        content = encoded_json(data, MAX_ARTIFACT_DATA_BYTES)
    except ValueError as error:
        raise ValueError(f"data: {error}") from None
    return (yield from upload_content(content))


def upload_content(content: bytes) -> Steps[UUID]:
    """Upload data for an artifact that are JSON already."""
    announce = ArtifactDataAnnounce(id=new_id(), sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    answer = yield from ask(around.announce_artifact_data(announce))
    if answer.upload is None:
        return announce.id
    yield from ask(around.send_artifact_data(answer.upload, content))
    # The server does not see what goes to its object store: now it looks.
    known = yield from ask(around.announce_artifact_data(announce))
    if known.upload is not None:
        raise ApiError(502, "upload_lost", "the artifact's data were sent and have not arrived; try again")
    return announce.id


def download_data(data_id: UUID) -> Steps[Any]:
    """Fetch data of an artifact."""
    content = yield from ask(around.download_artifact_data(data_id))
    return json.loads(content)


def whole(record: ArtifactRecord) -> Steps[ArtifactRecord]:
    """Give an artifact with its data, wherever they lie."""
    if record.data_id is None:
        return record
    return record.model_copy(update={"data": (yield from download_data(record.data_id))})
