"""Bundles: announcing them, and (where the object store is this server's) their bytes."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from alisio.contract.deployments import BundleAnnounce, BundleAnswer
from alisio_server.access.rules import Access
from alisio_server.orchestration import bundles
from alisio_server.routes.support import BINARY, Base64, Resource, binary

resource = Resource("Bundles")
_CONTENT = "/api/bundles/<sha256>/content"
PathSha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@resource.route("POST", "/api/bundles", access=Access.DEPLOY)
def announce_bundle(announced: BundleAnnounce) -> BundleAnswer:
    """Ask whether a bundle is here already, and if not, how to send it."""
    return bundles.announce_bundle(resource.services, announced)


@resource.route(
    "PUT",
    _CONTENT,
    access=Access.DEPLOY,
    extensions={"requestBody": {"required": True, "content": BINARY}},
    errors=(507,),
)
def upload_bundle(sha256: PathSha256) -> BundleAnswer:
    """Send a bundle's bytes."""
    return bundles.store_bundle(resource.services, sha256, resource.body)


@resource.route(
    "GET", _CONTENT, access=Access.REPORT, also={307: "They are at the address in `Location`."}, errors=(404,)
)
def download_bundle(sha256: PathSha256) -> Response[Base64]:
    """Get a bundle's bytes."""
    services = resource.services
    url = services.objects.download_url(bundles.bundle_key(sha256))
    if not url.startswith("/"):
        return Response(status_code=307, headers={"Location": url}, body=Base64(""))
    return binary(bundles.fetch_bundle(services, sha256))
