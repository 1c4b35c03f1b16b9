"""The routes of what flows keep around their runs as methods, a part of `alisio.client.methods`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from uuid import UUID

from alisio.client.calls import around
from alisio.client.calls.base import Call
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
from alisio.contract.user_events import EventFilter, EventQuery, EventRecord, EventsCreate, EventsCreated
from alisio.contract.variables import VariableFilter, VariableQuery, VariableRecord, VariableSet

AnswerT = TypeVar("AnswerT")


class AroundMethods(ABC):
    """One method a route; what they raise is told in `RouteMethods`."""

    @abstractmethod
    def _send(self, call: Call[AnswerT]) -> AnswerT:
        """Carry a call to the server and read its answer."""

    def set_variable(self, request: VariableSet) -> VariableRecord:
        """Give a variable its value."""
        return self._send(around.set_variable(request))

    def filter_variables(self, query: VariableQuery) -> Page[VariableRecord]:
        """List variables."""
        return self._send(around.filter_variables(query))

    def count_variables(self, which: VariableFilter) -> Count:
        """Count variables."""
        return self._send(around.count_variables(which))

    def read_variable(self, name: str) -> VariableRecord:
        """Read a variable."""
        return self._send(around.read_variable(name))

    def delete_variable(self, name: str) -> None:
        """Remove a variable."""
        return self._send(around.delete_variable(name))

    def create_artifact(self, request: ArtifactCreate) -> ArtifactRecord:
        """Make an artifact."""
        return self._send(around.create_artifact(request))

    def filter_artifacts(self, query: ArtifactQuery) -> Page[ArtifactRecord]:
        """List artifacts."""
        return self._send(around.filter_artifacts(query))

    def count_artifacts(self, which: ArtifactFilter) -> Count:
        """Count artifacts."""
        return self._send(around.count_artifacts(which))

    def read_artifact(self, artifact_id: UUID) -> ArtifactRecord:
        """Read an artifact."""
        return self._send(around.read_artifact(artifact_id))

    def read_latest_artifact(self, key: str) -> ArtifactRecord:
        """Read the latest version of a key."""
        return self._send(around.read_latest_artifact(key))

    def change_artifact(self, artifact_id: UUID, patch: ArtifactPatch) -> ArtifactRecord:
        """Change the given fields of an artifact."""
        return self._send(around.change_artifact(artifact_id, patch))

    def delete_artifact(self, artifact_id: UUID) -> None:
        """Remove an artifact."""
        return self._send(around.delete_artifact(artifact_id))

    def delete_artifact_versions(self, key: str) -> None:
        """Remove all versions of a key."""
        return self._send(around.delete_artifact_versions(key))

    def filter_assets(self, query: AssetQuery) -> Page[AssetRecord]:
        """List assets."""
        return self._send(around.filter_assets(query))

    def count_assets(self, which: AssetFilter) -> Count:
        """Count assets."""
        return self._send(around.count_assets(which))

    def filter_materializations(self, query: MaterializationQuery) -> Page[Materialization]:
        """List materializations of assets."""
        return self._send(around.filter_materializations(query))

    def read_lineage(self, query: LineageQuery) -> Lineage:
        """Read what an asset is made from, and what is made from it."""
        return self._send(around.read_lineage(query))

    def delete_assets(self, request: AssetsDelete) -> Count:
        """Forget assets."""
        return self._send(around.delete_assets(request))

    def create_events(self, request: EventsCreate) -> EventsCreated:
        """Send events."""
        return self._send(around.create_events(request))

    def filter_events(self, query: EventQuery) -> Page[EventRecord]:
        """List events."""
        return self._send(around.filter_events(query))

    def count_events(self, which: EventFilter) -> Count:
        """Count events."""
        return self._send(around.count_events(which))

    def read_event(self, event_id: UUID) -> EventRecord:
        """Read an event."""
        return self._send(around.read_event(event_id))
