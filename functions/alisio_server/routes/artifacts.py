"""Artifacts: single ones, the versions of a key, and those that are made outside of runs."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.artifacts import ArtifactCreate, ArtifactFilter, ArtifactPatch, ArtifactQuery, ArtifactRecord
from alisio.contract.base import Count, Page
from alisio_server.access.rules import Access
from alisio_server.database.queries import artifacts as queries
from alisio_server.orchestration import artifacts
from alisio_server.routes.support import PathName, Resource, no_content

resource = Resource("Artifacts")
_ONE = "/api/artifacts/<artifact_id>"
_KEY = "/api/artifacts/key/<key>"


def _read(artifact_id: UUID) -> ArtifactRecord:
    with resource.services.database.read() as connection:
        found = queries.find_artifact(connection, artifact_id)
    if found is None:
        raise artifacts.no_such_artifact(artifact_id)
    return found


@resource.route("POST", "/api/artifacts", access=Access.KEEP, status=201)
def create_artifact(wanted: ArtifactCreate) -> ArtifactRecord:
    """Make an artifact outside of runs; those of runs come with their reports."""
    with resource.services.transaction() as tx:
        artifact_id = artifacts.create_artifact(tx, wanted)
    return _read(artifact_id)


@resource.route("POST", "/api/artifacts/filter", access=Access.READ)
def filter_artifacts(query: ArtifactQuery) -> Page[ArtifactRecord]:
    """List artifacts."""
    with resource.services.database.read() as connection:
        return queries.filter_artifacts(connection, query)


@resource.route("POST", "/api/artifacts/count", access=Access.READ)
def count_artifacts(wanted: ArtifactFilter) -> Count:
    """Count artifacts, exactly up to 10,000."""
    with resource.services.database.read() as connection:
        return queries.count_artifacts(connection, wanted)


@resource.route("GET", _KEY, access=Access.READ, errors=(404,))
def get_latest_artifact(key: PathName) -> ArtifactRecord:
    """Read the latest version of a key."""
    with resource.services.database.read() as connection:
        found = queries.find_latest(connection, key)
    if found is None:
        raise artifacts.no_such_key(key)
    return found


@resource.route("DELETE", _KEY, access=Access.KEEP, status=204, errors=(404,))
def delete_artifact_versions(key: PathName) -> Response[None]:
    """Remove all versions of a key."""
    with resource.services.transaction() as tx:
        artifacts.delete_versions(tx, key)
    return no_content()


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_artifact(artifact_id: UUID) -> ArtifactRecord:
    """Read an artifact."""
    return _read(artifact_id)


@resource.route("PATCH", _ONE, access=Access.KEEP, errors=(404,))
def change_artifact(artifact_id: UUID, patch: ArtifactPatch) -> ArtifactRecord:
    """Change the description or the data of an artifact, in place."""
    with resource.services.transaction() as tx:
        artifacts.change_artifact(tx, artifact_id, patch)
    return _read(artifact_id)


@resource.route("DELETE", _ONE, access=Access.KEEP, status=204, errors=(404,))
def delete_artifact(artifact_id: UUID) -> Response[None]:
    """Remove an artifact."""
    with resource.services.transaction() as tx:
        artifacts.delete_artifact(tx, artifact_id)
    return no_content()
