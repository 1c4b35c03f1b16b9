"""What reports carry beside runs and logs: artifacts, what task runs materialize, events.

They are loaded only where there are some: building these models takes as long as those of all other reports.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from alisio.contract.asset_keys import ASSET_KEY_PATTERN, MAX_ASSET_KEY
from alisio.contract.base import JsonObject, Request, Timestamp
from alisio.contract.json_values import checked_json

MAX_ARTIFACT_BYTES = 500_000
"""How long the data of an artifact may be as JSON in UTF-8 where they travel with it. With what else is in it, it fits
a frame of a report. Larger ones are uploaded first; see `alisio.contract.artifact_data`."""

MAX_ASSETS = 50
"""How many assets a task may materialize."""

MAX_UPSTREAM = 1_000
"""How many assets these may be made from."""

MAX_METADATA_BYTES = 100_000
"""How long the metadata of one materialization of an asset may be as JSON in UTF-8."""

MAX_PAYLOAD_BYTES = 100_000
"""How long the payload of an event may be as JSON in UTF-8."""

RESOURCE_ID = "alisio.resource.id"
"""The label of a resource that says which it is."""

_ARTIFACT_KEY = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def _checked_key(key: str) -> str:
    if not set(key) <= _ARTIFACT_KEY:
        raise ValueError(f"an artifact's key has small letters a to z, digits and dashes, unlike {key!r}")
    return key


def _identified(labels: dict[str, str]) -> dict[str, str]:
    if not 0 < len(labels.get(RESOURCE_ID, "")) <= 500:
        raise ValueError(f"needs {RESOURCE_ID!r}, which says what it is in 1 to 500 characters")
    return labels


ArtifactKey = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_checked_key)]
ArtifactType = Annotated[str, Field(min_length=1, max_length=50)]
"""`markdown`, `table`, `link`, `image`, `progress`, or a word of the user's own."""

ArtifactData = Annotated[Any, AfterValidator(partial(checked_json, max_bytes=MAX_ARTIFACT_BYTES))]
Description = Annotated[str, Field(max_length=10_000)]
AssetKey = Annotated[str, Field(min_length=4, max_length=MAX_ASSET_KEY, pattern=f"^{ASSET_KEY_PATTERN}$")]
Metadata = Annotated[JsonObject, AfterValidator(partial(checked_json, max_bytes=MAX_METADATA_BYTES))]
Payload = Annotated[JsonObject, AfterValidator(partial(checked_json, max_bytes=MAX_PAYLOAD_BYTES))]
_Label = Annotated[str, Field(max_length=1_000)]
Resource = Annotated[dict[_Label, _Label], Field(max_length=100), AfterValidator(_identified)]
"""Labels of a thing: `alisio.resource.id` says which, the others say more."""


class ArtifactNews(Request):
    """All that is known of one artifact, in a report. A later one of the same id replaces the earlier."""

    id: UUID
    flow_run_id: UUID | None = None
    """The subflow run it was made in; None: the run that is reported on."""
    task_run_id: UUID | None = None
    key: ArtifactKey | None = None
    type: ArtifactType
    description: Description | None = None
    data: ArtifactData = None
    data_id: UUID | None = None
    """Which uploaded data are its own, in place of `data`."""
    created: Timestamp


class AssetProperties(Request):
    """What is said about an asset. Given anew, all of it replaces what was said before."""

    name: Annotated[str, Field(max_length=500)] | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None
    owners: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=100)] | None = None
    url: Annotated[str, Field(max_length=2_000)] | None = None


class AssetNews(Request):
    """An asset that a task run materializes, or that those are made from.

    Attributes:
        properties: None: nothing is said, and what was said before stays.
        metadata: What the task has found out about what it made.
    """

    key: AssetKey
    properties: AssetProperties | None = None
    metadata: Metadata = Field(default_factory=dict)


class MaterializationNews(Request):
    """What a task run materializes. It counts once the task run is COMPLETED or FAILED, but not if it was Cached.

    Attributes:
        assets: What it makes.
        upstream: What that is made from.
        by: The tool that does it.
    """

    assets: Annotated[list[AssetNews], Field(min_length=1, max_length=MAX_ASSETS)]
    upstream: Annotated[list[AssetNews], Field(max_length=MAX_UPSTREAM)] = Field(default_factory=list)
    by: Annotated[str, Field(max_length=200)] | None = None


class EventNews(Request):
    """An event on its way to the server.

    Attributes:
        id: Chosen by the sender, so that sending twice makes one.
        occurred: When, by the sender's clock.
        related: Other things that it concerns, such as the run that emitted it.
        follows: The event that came before it.
    """

    id: UUID
    event: Annotated[str, Field(min_length=1, max_length=500)]
    occurred: Timestamp
    resource: Resource
    related: Annotated[list[Resource], Field(max_length=100)] = Field(default_factory=list)
    payload: Payload = Field(default_factory=dict)
    follows: UUID | None = None
    flow_run_id: UUID | None = None
