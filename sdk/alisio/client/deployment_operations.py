"""Flows, deployments and their schedules as methods of the public clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from alisio.client import filtering
from alisio.client.calls import deployments
from alisio.client.operations import Steps, ask, operation, route, rows
from alisio.client.schemas.filters import DeploymentFilter, FlowFilter, WorkPoolFilter
from alisio.client.schemas.objects import Deployment, Flow, Schedule
from alisio.contract import deployments as contract
from alisio.exceptions import NotFoundError

FilterOf = Mapping[str, Any] | None


class DeploymentOperations:
    """Reading and changing flows and deployments. A deployment is created or replaced as a whole."""

    read_flow = route(deployments.read_flow)
    delete_flow = route(deployments.delete_flow)
    create_deployment = route(deployments.apply_deployment)
    read_deployment = route(deployments.read_deployment)
    update_deployment = route(deployments.change_deployment)
    delete_deployment = route(deployments.delete_deployment)
    pause_deployment = route(deployments.pause_deployment)
    resume_deployment = route(deployments.resume_deployment)
    backfill_deployment = route(deployments.backfill_deployment)

    @operation
    def read_flows(
        self, *, flow_filter: FlowFilter | FilterOf = None, limit: int | None = 200, offset: int = 0
    ) -> Steps[list[Flow]]:
        """List flows by name; `limit=None` gives all."""
        fields = filtering.narrowed(FlowFilter, flow_filter, filtering.FLOWS)
        which = filtering.joined(contract.FlowFilter, fields)
        return (
            yield from rows(
                lambda size, cursor: deployments.filter_flows(
                    contract.FlowQuery(filter=which, limit=size, cursor=cursor)
                ),
                limit,
                offset,
            )
        )

    @operation
    def read_flow_by_name(self, flow_name: str) -> Steps[Flow]:
        """Read the flow of a name.

        Raises:
            ObjectNotFound: There is none.
        """
        query = contract.FlowQuery(filter=filtering.joined(contract.FlowFilter, {"names": [flow_name]}), limit=1)
        found = (yield from ask(deployments.filter_flows(query))).items
        if not found:
            raise NotFoundError(404, "flow_not_found", f"there is no flow {flow_name!r}")
        return found[0]

    @operation
    def read_deployments(
        self,
        *,
        flow_filter: FlowFilter | FilterOf = None,
        deployment_filter: DeploymentFilter | FilterOf = None,
        work_pool_filter: WorkPoolFilter | FilterOf = None,
        limit: int | None = 200,
        offset: int = 0,
    ) -> Steps[list[Deployment]]:
        """List deployments by flow and name.

        Args:
            flow_filter: Those of which flows, by name.
            deployment_filter: Which of them.
            work_pool_filter: Those of which work pools, by name.
            limit: How many at most; None: all.
            offset: How many to pass over.

        Returns:
            The deployments.

        Raises:
            ValueError: The API cannot filter so.
        """
        which = filtering.joined(
            contract.DeploymentFilter,
            filtering.narrowed(FlowFilter, flow_filter, filtering.FLOWS_OF_DEPLOYMENTS),
            filtering.narrowed(DeploymentFilter, deployment_filter, filtering.DEPLOYMENTS),
            filtering.narrowed(WorkPoolFilter, work_pool_filter, filtering.POOLS_OF_OTHERS),
        )
        return (
            yield from rows(
                lambda size, cursor: deployments.filter_deployments(
                    contract.DeploymentQuery(filter=which, limit=size, cursor=cursor)
                ),
                limit,
                offset,
            )
        )

    @operation
    def read_deployment_by_name(self, name: str) -> Steps[Deployment]:
        """Read a deployment by its address.

        Args:
            name: `flow/deployment`.

        Raises:
            ValueError: That is no such address.
            ObjectNotFound: There is no such deployment.
        """
        flow_name, slash, own = name.partition("/")
        if not (flow_name and slash and own):
            raise ValueError(f"a deployment is named by flow/deployment, unlike {name!r}")
        return (yield from ask(deployments.read_deployment_by_name(flow_name, own)))

    @operation
    def read_deployment_schedules(self, deployment_id: UUID) -> Steps[list[Schedule]]:
        """List the schedules of a deployment."""
        return (yield from ask(deployments.read_deployment(deployment_id))).schedules

    @operation
    def update_deployment_schedule(self, deployment_id: UUID, schedule: UUID | str, active: bool) -> Steps[Deployment]:
        """Switch a schedule of a deployment on or off.

        Args:
            deployment_id: The deployment.
            schedule: The schedule's id or slug.
            active: Whether it is to make runs.

        Returns:
            The deployment as it is then.

        Raises:
            ObjectNotFound: There is no such deployment or schedule.
        """
        slug = str(schedule)
        if isinstance(schedule, UUID):
            known = (yield from ask(deployments.read_deployment(deployment_id))).schedules
            found = [each.slug for each in known if each.id == schedule]
            if not found:
                raise NotFoundError(404, "schedule_not_found", f"the deployment has no schedule {schedule}")
            slug = found[0]
        patch = contract.SchedulePatch(active=active)
        return (yield from ask(deployments.patch_schedule(deployment_id, slug, patch)))
