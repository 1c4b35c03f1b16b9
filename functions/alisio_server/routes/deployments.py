"""Deployments, their schedules, and the runs that are asked of them."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Page
from alisio.contract.deployments import (
    BackfillAnswer,
    BackfillRequest,
    Deployment,
    DeploymentPatch,
    DeploymentQuery,
    DeploymentSpec,
    SchedulePatch,
)
from alisio.contract.runs import FlowRun, FlowRunCreate
from alisio_server.access.rules import Access
from alisio_server.database.queries import deployments as queries
from alisio_server.database.queries.flow_runs import get_flow_run, new_flow_run
from alisio_server.orchestration import backfills, deployments, flow_runs
from alisio_server.routes.support import PathName, Resource, no_content

resource = Resource("Deployments")
_ONE = "/api/deployments/<deployment_id>"


def _read(deployment_id: UUID) -> Deployment:
    with resource.services.database.read() as connection:
        return queries.get_deployment(connection, deployment_id)


@resource.route("POST", "/api/deployments", access=Access.DEPLOY, errors=(404, 409))
def apply_deployment(spec: DeploymentSpec) -> Deployment:
    """Create a deployment, or make the one of the same name like this."""
    with resource.services.transaction() as tx:
        deployment_id = deployments.apply_deployment(tx, spec)
    return _read(deployment_id)


@resource.route("POST", "/api/deployments/filter", access=Access.READ)
def filter_deployments(query: DeploymentQuery) -> Page[Deployment]:
    """List deployments by flow and name."""
    with resource.services.database.read() as connection:
        return queries.filter_deployments(connection, query)


@resource.route("GET", "/api/deployments/name/<flow_name>/<name>", access=Access.READ, errors=(404,))
def get_deployment_by_name(flow_name: PathName, name: PathName) -> Deployment:
    """Read the deployment of a name."""
    with resource.services.database.read() as connection:
        return queries.get_deployment_by_name(connection, flow_name, name)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_deployment(deployment_id: UUID) -> Deployment:
    """Read a deployment."""
    return _read(deployment_id)


@resource.route("PATCH", _ONE, access=Access.DEPLOY, errors=(404, 409))
def change_deployment(deployment_id: UUID, patch: DeploymentPatch) -> Deployment:
    """Change the given fields of a deployment; what others change of it meanwhile stays."""
    with resource.services.transaction() as tx:
        deployments.change_deployment(tx, deployment_id, patch)
    return _read(deployment_id)


@resource.route("DELETE", _ONE, access=Access.DEPLOY, status=204, errors=(404, 409))
def delete_deployment(deployment_id: UUID) -> Response[None]:
    """Delete a deployment; its runs stay, and those not yet claimed are cancelled."""
    with resource.services.transaction() as tx:
        deployments.delete_deployment(tx, deployment_id)
    return no_content()


@resource.route("POST", f"{_ONE}/pause", access=Access.DEPLOY, errors=(404,))
def pause_deployment(deployment_id: UUID) -> Deployment:
    """Stop a deployment's schedules."""
    with resource.services.transaction() as tx:
        deployments.pause_deployment(tx, deployment_id)
    return _read(deployment_id)


@resource.route("POST", f"{_ONE}/resume", access=Access.DEPLOY, errors=(404,))
def resume_deployment(deployment_id: UUID) -> Deployment:
    """Let a deployment's schedules go on."""
    with resource.services.transaction() as tx:
        deployments.resume_deployment(tx, deployment_id)
    return _read(deployment_id)


@resource.route("PATCH", f"{_ONE}/schedules/<slug>", access=Access.DEPLOY, errors=(404, 409))
def patch_schedule(deployment_id: UUID, slug: PathName, patch: SchedulePatch) -> Deployment:
    """Pause or resume one schedule."""
    with resource.services.transaction() as tx:
        deployments.patch_schedule(tx, deployment_id, slug, patch)
    return _read(deployment_id)


@resource.route("POST", f"{_ONE}/backfills", access=Access.DEPLOY, errors=(404, 409))
def backfill_deployment(deployment_id: UUID, wanted: BackfillRequest) -> BackfillAnswer:
    """Make the runs of times of a schedule that have passed."""
    with resource.services.transaction(only_looks=wanted.dry_run) as tx:
        return backfills.backfill(tx, deployment_id, wanted)


@resource.route(
    "POST",
    f"{_ONE}/runs",
    access=Access.RUN,
    status=201,
    also={200: "The idempotency key was used before: this is the run it made."},
    errors=(404, 409),
)
def create_run(deployment_id: UUID, run: FlowRunCreate) -> Response[FlowRun]:
    """Ask for a run of a deployment."""
    with resource.services.transaction(with_answer=True) as tx:
        asked = flow_runs.create_run(tx, deployment_id, run)
        if asked.values is None:
            body = get_flow_run(tx.connection, asked.id)
        else:
            body = new_flow_run(tx.connection, asked.values)
    status = 200 if asked.values is None else 201
    return Response(status_code=status, content_type="application/json", body=body)
