"""Data of artifacts that are too large for a body: announcing them, and their bytes."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.artifact_data import ArtifactDataAnnounce, ArtifactDataAnswer
from alisio_server.access.rules import Access
from alisio_server.orchestration import artifact_uploads
from alisio_server.orchestration.artifact_data import data_key
from alisio_server.routes.support import BINARY, Base64, Resource, binary

resource = Resource("Artifacts")
_CONTENT = "/api/artifact-data/<data_id>/content"


@resource.route("POST", "/api/artifact-data", access=Access.REPORT, errors=(409,))
def announce_artifact_data(announced: ArtifactDataAnnounce) -> ArtifactDataAnswer:
    """Ask how to send data of an artifact, and once they are sent, have them looked for."""
    return artifact_uploads.announce_data(resource.services, announced)


@resource.route(
    "PUT",
    _CONTENT,
    access=Access.REPORT,
    extensions={"requestBody": {"required": True, "content": BINARY}},
    errors=(404, 507),
)
def upload_artifact_data(data_id: UUID) -> ArtifactDataAnswer:
    """Send data of an artifact, as JSON."""
    return artifact_uploads.store_data(resource.services, data_id, resource.body)


@resource.route(
    "GET", _CONTENT, access=Access.READ, also={307: "They are at the address in `Location`."}, errors=(404,)
)
def download_artifact_data(data_id: UUID) -> Response[Base64]:
    """Get data of an artifact, as JSON."""
    services = resource.services
    url = services.objects.download_url(data_key(data_id))
    if url.startswith("/"):
        return binary(artifact_uploads.fetch_data(services, data_id))
    artifact_uploads.demand_stored(services, data_id)
    return Response(status_code=307, headers={"Location": url}, body=Base64(""))
