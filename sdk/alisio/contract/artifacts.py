"""Artifacts: what a run shows to people, as Markdown, a table, a link, an image or progress.

Artifacts of one key are versions of one thing: all are kept, and the one that was created last is the latest.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, PageRequest, Request, Timestamp
from alisio.contract.news import ArtifactData, ArtifactKey, ArtifactType, Description

MAX_PAGE_WITH_DATA = 10
"""So many artifacts of the largest inline data are an answer that a Lambda function may give, which is 6 MB."""


class ArtifactCreate(Request):
    """Body of `POST /api/artifacts`, for those that are made outside of runs.

    Attributes:
        id: Chosen by the client, so that asking twice makes one.
        data_id: Which uploaded data are its own, in place of `data`, which may have 500,000 bytes.
    """

    id: UUID | None = None
    key: ArtifactKey | None = None
    type: ArtifactType
    description: Description | None = None
    data: ArtifactData = None
    data_id: UUID | None = None


class ArtifactPatch(Request):
    """Body of `PATCH /api/artifacts/{id}`: the fields that are given change; `data_id` replaces `data`, and it it."""

    description: Description | None = None
    data: ArtifactData = None
    data_id: UUID | None = None


class ArtifactRecord(Answer):
    """An artifact as it is stored.

    Attributes:
        key: What its versions share; None: it belongs to its run alone.
        data: Markdown as text, a table as a list or a mapping, progress as a number from 0 to 100, an image's address.
        data_id: Where the API has the data as JSON, at `/api/artifact-data/{data_id}/content`: they are too large to be
            in `data`. None: they are not.
        flow_run_id: The run it was made in, and goes with; None: it was made outside of runs.
    """

    id: UUID
    key: str | None = None
    type: str
    description: str | None = None
    data: Any = None
    data_id: UUID | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    created: Timestamp
    updated: Timestamp


class ArtifactSort(StrEnum):
    """Orders of artifacts; ties are broken by id."""

    CREATED_DESC = "created_desc"
    CREATED_ASC = "created_asc"


class ArtifactFilter(Request):
    """Which artifacts. Fields narrow each other; a list means "any of these".

    Attributes:
        latest: Only what is the latest version of its key.
        has_key: Only those with a key, or only those without.
    """

    ids: list[UUID] | None = Field(default=None, max_length=200)
    keys: list[str] | None = Field(default=None, max_length=200)
    key_contains: str | None = Field(default=None, max_length=200)
    has_key: bool | None = None
    types: list[str] | None = Field(default=None, max_length=200)
    flow_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    task_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    latest: bool = False


class ArtifactQuery(PageRequest):
    """Body of `POST /api/artifacts/filter`. The history of a key are all artifacts that have it.

    Attributes:
        with_data: Whether their data come along: then a page has 10 of them at most. Otherwise `data` is null. Data
            with a `data_id` never come along.
    """

    filter: ArtifactFilter = Field(default_factory=ArtifactFilter)
    sort: ArtifactSort = ArtifactSort.CREATED_DESC
    with_data: bool = False

    @property
    def rows(self) -> int:
        """How many rows a page has."""
        return min(self.limit, MAX_PAGE_WITH_DATA) if self.with_data else self.limit
