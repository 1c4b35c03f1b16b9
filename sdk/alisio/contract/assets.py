"""Assets: the things outside that flows make and use, known by their URIs, and what is made from what."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from alisio.contract.asset_keys import MAX_ASSET_KEY
from alisio.contract.base import Answer, PageRequest, Request, Timestamp
from alisio.contract.news import AssetProperties


class Materialization(Answer):
    """One time that an asset was made, or was to be made.

    Attributes:
        succeeded: Whether the task run was COMPLETED.
        upstream: The keys of what it was made from.
    """

    asset_key: str
    task_run_id: UUID
    flow_run_id: UUID
    attempt: int
    succeeded: bool
    by: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    upstream: list[str] = Field(default_factory=list)
    timestamp: Timestamp


class AssetRecord(Answer):
    """An asset as it is known.

    Attributes:
        upstream: The keys of what it was ever made from, directly.
        downstream: The keys of what was ever made from it, directly.
        last: Its last materialization that is still kept; None: it was only made from, or those runs are gone.
    """

    key: str
    properties: AssetProperties = Field(default_factory=AssetProperties)
    upstream: list[str] = Field(default_factory=list)
    downstream: list[str] = Field(default_factory=list)
    last: Materialization | None = None
    created: Timestamp
    updated: Timestamp


class AssetFilter(Request):
    """Which assets. Fields narrow each other.

    Attributes:
        keys: Any of these.
        prefix: Those whose key begins so, such as `s3://my-bucket/`.
        upstream_of: Those that this one was directly made from.
        downstream_of: Those that were directly made from this one.
    """

    keys: list[str] | None = Field(default=None, max_length=200)
    prefix: str | None = Field(default=None, max_length=MAX_ASSET_KEY)
    key_contains: str | None = Field(default=None, max_length=200)
    upstream_of: str | None = Field(default=None, max_length=MAX_ASSET_KEY)
    downstream_of: str | None = Field(default=None, max_length=MAX_ASSET_KEY)


class AssetQuery(PageRequest):
    """Body of `POST /api/assets/filter`. Assets come by key."""

    filter: AssetFilter = Field(default_factory=AssetFilter)


class AssetsDelete(Request):
    """Body of `POST /api/assets/delete`: forget these assets, with their materializations and lineage."""

    keys: Annotated[list[str], Field(min_length=1, max_length=200)]


class MaterializationFilter(Request):
    """Which materializations. Fields narrow each other; a list means "any of these"."""

    asset_keys: list[str] | None = Field(default=None, max_length=200)
    flow_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    task_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    succeeded: bool | None = None


class MaterializationQuery(PageRequest):
    """Body of `POST /api/assets/materializations/filter`. They come newest first."""

    filter: MaterializationFilter = Field(default_factory=MaterializationFilter)


class LineageQuery(Request):
    """Body of `POST /api/assets/lineage`.

    Attributes:
        key: The asset to begin with.
        depth: How many steps to go, up and down.
    """

    key: Annotated[str, Field(max_length=MAX_ASSET_KEY)]
    depth: int = Field(default=10, ge=1, le=50)


class LineageEdge(Answer):
    """One asset was made from another."""

    upstream: str
    downstream: str
    last_seen: Timestamp


class Lineage(Answer):
    """What an asset is made from, and what is made from it.

    Attributes:
        edges: At most 1,000 of them.
        complete: Whether that is all, to the depth that was asked for.
    """

    key: str
    edges: list[LineageEdge]
    complete: bool
