"""Calls about what flows keep around their runs: variables, artifacts, assets, events."""

from __future__ import annotations

from types import NoneType
from uuid import UUID

from alisio.client.calls.base import UPLOAD_SECONDS, Call, path_of
from alisio.contract.artifact_data import ArtifactDataAnnounce, ArtifactDataAnswer
from alisio.contract.artifacts import ArtifactCreate, ArtifactFilter, ArtifactPatch, ArtifactQuery, ArtifactRecord
from alisio.contract.assets import (
    AssetFilter,
    AssetQuery,
    AssetRecord,
    AssetsDelete,
    Lineage,
    LineageQuery,
    Materialization,
    MaterializationQuery,
)
from alisio.contract.base import Count, Page
from alisio.contract.deployments import Upload
from alisio.contract.ids import new_id
from alisio.contract.user_events import EventFilter, EventQuery, EventRecord, EventsCreate, EventsCreated
from alisio.contract.variables import VariableFilter, VariableQuery, VariableRecord, VariableSet


def set_variable(request: VariableSet) -> Call[VariableRecord]:
    """Give a variable its value. Where nothing may be overwritten it is sent once: a second one would be refused."""
    return Call("POST", "/variables", VariableRecord, request, repeatable=request.overwrite)


def filter_variables(query: VariableQuery) -> Call[Page[VariableRecord]]:
    """List variables."""
    return Call("POST", "/variables/filter", Page[VariableRecord], query)


def count_variables(which: VariableFilter) -> Call[Count]:
    """Count variables."""
    return Call("POST", "/variables/count", Count, which)


def read_variable(name: str) -> Call[VariableRecord]:
    """Read a variable."""
    return Call("GET", path_of("variables", name), VariableRecord)


def delete_variable(name: str) -> Call[None]:
    """Remove a variable. Sent once: a second one would find none."""
    return Call("DELETE", path_of("variables", name), NoneType, repeatable=False)


def create_artifact(request: ArtifactCreate) -> Call[ArtifactRecord]:
    """Make an artifact. It gets an id where it has none, so a lost answer never makes a second one."""
    named = request if request.id is not None else request.model_copy(update={"id": new_id()})
    return Call("POST", "/artifacts", ArtifactRecord, named)


def announce_artifact_data(announce: ArtifactDataAnnounce) -> Call[ArtifactDataAnswer]:
    """Tell of data of an artifact that are to be sent, or have been."""
    return Call("POST", "/artifact-data", ArtifactDataAnswer, announce)


def send_artifact_data(upload: Upload, content: bytes) -> Call[bytes]:
    """Send data of an artifact as the server said: to a path of the API, or to an address outside of it."""
    if upload.url.startswith("/"):
        return Call(upload.method, upload.url.removeprefix("/api"), bytes, content, timeout_seconds=UPLOAD_SECONDS)
    return Call(upload.method, upload.url, bytes, content, elsewhere=upload)


def download_artifact_data(data_id: UUID) -> Call[bytes]:
    """Fetch data of an artifact, which are JSON."""
    path = path_of("artifact-data", data_id, "content")
    return Call("GET", path, bytes, timeout_seconds=UPLOAD_SECONDS)


def filter_artifacts(query: ArtifactQuery) -> Call[Page[ArtifactRecord]]:
    """List artifacts."""
    return Call("POST", "/artifacts/filter", Page[ArtifactRecord], query)


def count_artifacts(which: ArtifactFilter) -> Call[Count]:
    """Count artifacts."""
    return Call("POST", "/artifacts/count", Count, which)


def read_artifact(artifact_id: UUID) -> Call[ArtifactRecord]:
    """Read an artifact."""
    return Call("GET", path_of("artifacts", artifact_id), ArtifactRecord)


def read_latest_artifact(key: str) -> Call[ArtifactRecord]:
    """Read the latest version of a key."""
    return Call("GET", path_of("artifacts", "key", key), ArtifactRecord)


def change_artifact(artifact_id: UUID, patch: ArtifactPatch) -> Call[ArtifactRecord]:
    """Change the given fields of an artifact."""
    return Call("PATCH", path_of("artifacts", artifact_id), ArtifactRecord, patch)


def delete_artifact(artifact_id: UUID) -> Call[None]:
    """Remove an artifact. Sent once: a second one would find none."""
    return Call("DELETE", path_of("artifacts", artifact_id), NoneType, repeatable=False)


def delete_artifact_versions(key: str) -> Call[None]:
    """Remove all versions of a key. Sent once: a second one would find none."""
    return Call("DELETE", path_of("artifacts", "key", key), NoneType, repeatable=False)


def filter_assets(query: AssetQuery) -> Call[Page[AssetRecord]]:
    """List assets."""
    return Call("POST", "/assets/filter", Page[AssetRecord], query)


def count_assets(which: AssetFilter) -> Call[Count]:
    """Count assets."""
    return Call("POST", "/assets/count", Count, which)


def filter_materializations(query: MaterializationQuery) -> Call[Page[Materialization]]:
    """List materializations of assets."""
    return Call("POST", "/assets/materializations/filter", Page[Materialization], query)


def read_lineage(query: LineageQuery) -> Call[Lineage]:
    """Read what an asset is made from, and what is made from it."""
    return Call("POST", "/assets/lineage", Lineage, query)


def delete_assets(request: AssetsDelete) -> Call[Count]:
    """Forget assets."""
    return Call("POST", "/assets/delete", Count, request)


def create_events(request: EventsCreate) -> Call[EventsCreated]:
    """Send events. Their ids make it safe to send them again."""
    return Call("POST", "/events", EventsCreated, request)


def filter_events(query: EventQuery) -> Call[Page[EventRecord]]:
    """List events."""
    return Call("POST", "/events/filter", Page[EventRecord], query)


def count_events(which: EventFilter) -> Call[Count]:
    """Count events."""
    return Call("POST", "/events/count", Count, which)


def read_event(event_id: UUID) -> Call[EventRecord]:
    """Read an event."""
    return Call("GET", path_of("events", event_id), EventRecord)
