"""Data of artifacts that are too large for a report or a body: they are uploaded before their artifact is made.

The client announces them under an id of its choice, sends the bytes as the answer says, and announces them again: the
server does not see what goes to its object store, so then it looks. What no artifact names within a day is removed.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, Request
from alisio.contract.deployments import Sha256, Upload

MAX_ARTIFACT_DATA_BYTES = 20_000_000
"""How long the data of an artifact may be as JSON in UTF-8, wherever they lie."""


class ArtifactDataAnnounce(Request):
    """Body of `POST /api/artifact-data`: data of an artifact are about to be sent, or have been.

    Attributes:
        id: Chosen by the client, and named by the artifact as its `data_id`.
        sha256: Of the bytes.
        size: How many bytes of JSON they are.
    """

    id: UUID
    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=MAX_ARTIFACT_DATA_BYTES)]


class ArtifactDataAnswer(Answer):
    """What the server knows of uploaded data. `upload` is None when it has them already."""

    id: UUID
    size: int
    upload: Upload | None = None
