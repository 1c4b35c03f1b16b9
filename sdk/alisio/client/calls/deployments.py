"""Calls about flows, deployments and their bundles."""

from __future__ import annotations

from types import NoneType
from uuid import UUID

from alisio.client.calls.base import UPLOAD_SECONDS, Call, path_of
from alisio.contract.base import Page
from alisio.contract.deployments import (
    BackfillAnswer,
    BackfillRequest,
    BundleAnnounce,
    BundleAnswer,
    Deployment,
    DeploymentPatch,
    DeploymentQuery,
    DeploymentSpec,
    FlowQuery,
    SchedulePatch,
    Upload,
)
from alisio.contract.ids import new_id
from alisio.contract.runs import Flow, FlowRun, FlowRunCreate


def filter_flows(query: FlowQuery) -> Call[Page[Flow]]:
    """List flows."""
    return Call("POST", "/flows/filter", Page[Flow], query)


def read_flow(flow_id: UUID) -> Call[Flow]:
    """Read a flow."""
    return Call("GET", path_of("flows", flow_id), Flow)


def delete_flow(flow_id: UUID) -> Call[None]:
    """Delete a flow."""
    return Call("DELETE", path_of("flows", flow_id), NoneType)


def apply_deployment(spec: DeploymentSpec) -> Call[Deployment]:
    """Create a deployment, or make the one of the same name like this."""
    return Call("POST", "/deployments", Deployment, spec)


def filter_deployments(query: DeploymentQuery) -> Call[Page[Deployment]]:
    """List deployments."""
    return Call("POST", "/deployments/filter", Page[Deployment], query)


def read_deployment(deployment_id: UUID) -> Call[Deployment]:
    """Read a deployment."""
    return Call("GET", path_of("deployments", deployment_id), Deployment)


def read_deployment_by_name(flow_name: str, name: str) -> Call[Deployment]:
    """Read a deployment by its address, `flow/deployment`."""
    return Call("GET", path_of("deployments", "name", flow_name, name), Deployment)


def change_deployment(deployment_id: UUID, deployment: DeploymentPatch) -> Call[Deployment]:
    """Change the given fields of a deployment."""
    return Call("PATCH", path_of("deployments", deployment_id), Deployment, deployment)


def delete_deployment(deployment_id: UUID) -> Call[None]:
    """Delete a deployment and its schedules."""
    return Call("DELETE", path_of("deployments", deployment_id), NoneType)


def pause_deployment(deployment_id: UUID) -> Call[Deployment]:
    """Let a deployment's schedules make no runs."""
    return Call("POST", path_of("deployments", deployment_id, "pause"), Deployment)


def resume_deployment(deployment_id: UUID) -> Call[Deployment]:
    """Let a deployment's schedules make runs again."""
    return Call("POST", path_of("deployments", deployment_id, "resume"), Deployment)


def patch_schedule(deployment_id: UUID, slug: str, patch: SchedulePatch) -> Call[Deployment]:
    """Switch one schedule on or off."""
    return Call("PATCH", path_of("deployments", deployment_id, "schedules", slug), Deployment, patch)


def backfill_deployment(deployment_id: UUID, request: BackfillRequest) -> Call[BackfillAnswer]:
    """Make the runs of times of a schedule that have passed. Sent again, it makes none twice."""
    return Call("POST", path_of("deployments", deployment_id, "backfills"), BackfillAnswer, request)


def create_run(deployment_id: UUID, request: FlowRunCreate) -> Call[FlowRun]:
    """Ask for a run. It gets an idempotency key where it has none, so a lost answer never makes a second run."""
    keyed = request
    if request.idempotency_key is None:
        keyed = request.model_copy(update={"idempotency_key": str(new_id())})
    return Call("POST", path_of("deployments", deployment_id, "runs"), FlowRun, keyed)


def announce_bundle(announce: BundleAnnounce) -> Call[BundleAnswer]:
    """Ask whether the server needs a bundle's bytes."""
    return Call("POST", "/bundles", BundleAnswer, announce)


def upload_bundle(upload: Upload, content: bytes) -> Call[bytes]:
    """Send a bundle's bytes to a path of the API."""
    return Call(upload.method, upload.url.removeprefix("/api"), bytes, content, timeout_seconds=UPLOAD_SECONDS)


def download_bundle(sha256: str) -> Call[bytes]:
    """Fetch a bundle's bytes."""
    return Call("GET", path_of("bundles", sha256, "content"), bytes)
