"""The routes as methods, each of which only drives a call of `alisio.client.calls`."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from alisio.client.around_methods import AroundMethods
from alisio.client.block_methods import BlockMethods
from alisio.client.calls import access, deployments, runs, work_pools
from alisio.client.calls.base import Call
from alisio.client.control_methods import ControlMethods
from alisio.client.limit_methods import LimitMethods
from alisio.contract.access import ApiKey, ApiKeyCreate, AuditRecord, CreatedApiKey
from alisio.contract.base import Count, Page
from alisio.contract.deployments import (
    BackfillAnswer,
    BackfillRequest,
    Deployment,
    DeploymentPatch,
    DeploymentQuery,
    DeploymentSpec,
    FlowQuery,
    SchedulePatch,
)
from alisio.contract.health import Health
from alisio.contract.history import FlowRunHistory, FlowRunHistoryQuery
from alisio.contract.runs import (
    Flow,
    FlowRun,
    FlowRunCreate,
    FlowRunFilter,
    FlowRunQuery,
    FlowRunsDelete,
    FlowRunsDeleted,
    LogQuery,
    LogRecord,
    TaskRun,
    TaskRunQuery,
)
from alisio.contract.state_record import StateRecord
from alisio.contract.work_pools import (
    Agent,
    AgentBeat,
    BeatAnswer,
    ClaimAnswer,
    ClaimRequest,
    StartFailure,
    WakeUpAnswer,
    WakeUpSource,
    WakeUpWait,
    WorkPool,
    WorkPoolCreate,
    WorkPoolPatch,
    WorkQueue,
    WorkQueueCreate,
    WorkQueuePatch,
)

AnswerT = TypeVar("AnswerT")


class RouteMethods(AroundMethods, ControlMethods, BlockMethods, LimitMethods):
    """One method a route. Every one raises `ApiUnreachableError` and the `ApiError`s.

    Lists come as pages: `filter_*` take a query with a `cursor`, `list_*` take it as an argument.
    """

    @abstractmethod
    def _send(self, call: Call[AnswerT]) -> AnswerT:
        """Carry a call to the server and read its answer."""

    def filter_flows(self, query: FlowQuery) -> Page[Flow]:
        """List flows."""
        return self._send(deployments.filter_flows(query))

    def read_flow(self, flow_id: UUID) -> Flow:
        """Read a flow."""
        return self._send(deployments.read_flow(flow_id))

    def delete_flow(self, flow_id: UUID) -> None:
        """Delete a flow."""
        return self._send(deployments.delete_flow(flow_id))

    def apply_deployment(self, spec: DeploymentSpec) -> Deployment:
        """Create a deployment, or make the one of the same name like this."""
        return self._send(deployments.apply_deployment(spec))

    def filter_deployments(self, query: DeploymentQuery) -> Page[Deployment]:
        """List deployments."""
        return self._send(deployments.filter_deployments(query))

    def read_deployment(self, deployment_id: UUID) -> Deployment:
        """Read a deployment."""
        return self._send(deployments.read_deployment(deployment_id))

    def read_deployment_by_name(self, flow_name: str, name: str) -> Deployment:
        """Read a deployment by its address, `flow/deployment`."""
        return self._send(deployments.read_deployment_by_name(flow_name, name))

    def change_deployment(self, deployment_id: UUID, patch: DeploymentPatch) -> Deployment:
        """Change the given fields of a deployment."""
        return self._send(deployments.change_deployment(deployment_id, patch))

    def delete_deployment(self, deployment_id: UUID) -> None:
        """Delete a deployment and its schedules."""
        return self._send(deployments.delete_deployment(deployment_id))

    def pause_deployment(self, deployment_id: UUID) -> Deployment:
        """Let a deployment's schedules make no runs."""
        return self._send(deployments.pause_deployment(deployment_id))

    def resume_deployment(self, deployment_id: UUID) -> Deployment:
        """Let a deployment's schedules make runs again."""
        return self._send(deployments.resume_deployment(deployment_id))

    def patch_schedule(self, deployment_id: UUID, slug: str, patch: SchedulePatch) -> Deployment:
        """Switch one schedule on or off."""
        return self._send(deployments.patch_schedule(deployment_id, slug, patch))

    def backfill_deployment(self, deployment_id: UUID, request: BackfillRequest) -> BackfillAnswer:
        """Make the runs of times of a schedule that have passed."""
        return self._send(deployments.backfill_deployment(deployment_id, request))

    def create_run(self, deployment_id: UUID, request: FlowRunCreate) -> FlowRun:
        """Ask for a run. It gets an idempotency key where it has none, so a lost answer never makes a second run."""
        return self._send(deployments.create_run(deployment_id, request))

    def download_bundle(self, sha256: str) -> bytes:
        """Fetch a bundle's bytes."""
        return self._send(deployments.download_bundle(sha256))

    def filter_flow_runs(self, query: FlowRunQuery) -> Page[FlowRun]:
        """List flow runs."""
        return self._send(runs.filter_flow_runs(query))

    def count_flow_runs(self, which: FlowRunFilter) -> Count:
        """Count flow runs."""
        return self._send(runs.count_flow_runs(which))

    def read_flow_run_history(self, query: FlowRunHistoryQuery) -> FlowRunHistory:
        """Count flow runs over time, by their state."""
        return self._send(runs.read_flow_run_history(query))

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Read a flow run."""
        return self._send(runs.read_flow_run(flow_run_id))

    def read_flow_run_states(self, flow_run_id: UUID) -> list[StateRecord]:
        """Read the history of a flow run, oldest first."""
        return self._send(runs.read_flow_run_states(flow_run_id))

    def cancel_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Ask a flow run to stop."""
        return self._send(runs.cancel_flow_run(flow_run_id))

    def retry_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Schedule an ended flow run again."""
        return self._send(runs.retry_flow_run(flow_run_id))

    def delete_flow_run(self, flow_run_id: UUID) -> None:
        """Delete a flow run with its task runs and logs."""
        return self._send(runs.delete_flow_run(flow_run_id))

    def delete_flow_runs(self, request: FlowRunsDelete) -> FlowRunsDeleted:
        """Delete flow runs by a filter, as far as one request goes."""
        return self._send(runs.delete_flow_runs(request))

    def fail_start(self, flow_run_id: UUID, failure: StartFailure) -> None:
        """Tell that a claimed run could not be started."""
        return self._send(runs.fail_start(flow_run_id, failure))

    def filter_task_runs(self, query: TaskRunQuery) -> Page[TaskRun]:
        """List task runs."""
        return self._send(runs.filter_task_runs(query))

    def read_task_run(self, task_run_id: UUID) -> TaskRun:
        """Read a task run."""
        return self._send(runs.read_task_run(task_run_id))

    def filter_logs(self, query: LogQuery) -> Page[LogRecord]:
        """List log lines."""
        return self._send(runs.filter_logs(query))

    def read_health(self) -> Health:
        """Ask the server how it is."""
        return self._send(work_pools.read_health())

    def create_work_pool(self, request: WorkPoolCreate) -> WorkPool:
        """Create a work pool."""
        return self._send(work_pools.create_work_pool(request))

    def list_work_pools(self, limit: int | None = None, cursor: str | None = None) -> Page[WorkPool]:
        """List work pools by name."""
        return self._send(work_pools.list_work_pools(limit, cursor))

    def read_work_pool(self, name: str) -> WorkPool:
        """Read a work pool."""
        return self._send(work_pools.read_work_pool(name))

    def change_work_pool(self, name: str, patch: WorkPoolPatch) -> WorkPool:
        """Change the given fields of a work pool."""
        return self._send(work_pools.change_work_pool(name, patch))

    def delete_work_pool(self, name: str) -> None:
        """Delete a work pool and its queues."""
        return self._send(work_pools.delete_work_pool(name))

    def create_work_queue(self, pool: str, request: WorkQueueCreate) -> WorkQueue:
        """Create a work queue."""
        return self._send(work_pools.create_work_queue(pool, request))

    def list_work_queues(self, pool: str, limit: int | None = None, cursor: str | None = None) -> Page[WorkQueue]:
        """List the work queues of a pool."""
        return self._send(work_pools.list_work_queues(pool, limit, cursor))

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        """Read a work queue."""
        return self._send(work_pools.read_work_queue(pool, name))

    def change_work_queue(self, pool: str, name: str, patch: WorkQueuePatch) -> WorkQueue:
        """Change the given fields of a work queue."""
        return self._send(work_pools.change_work_queue(pool, name, patch))

    def delete_work_queue(self, pool: str, name: str) -> None:
        """Delete a work queue."""
        return self._send(work_pools.delete_work_queue(pool, name))

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """Take due runs. The same `claim_id` gives the same jobs, so it may be sent again."""
        return self._send(work_pools.claim(pool, request))

    def read_wake_up_source(self, pool: str) -> WakeUpSource:
        """Ask how agents of the pool hear of work."""
        return self._send(work_pools.read_wake_up_source(pool))

    def wait_for_wake_up(self, pool: str, request: WakeUpWait) -> WakeUpAnswer:
        """Wait until a queue of the pool rings, or the request's time is over."""
        return self._send(work_pools.wait_for_wake_up(pool, request))

    def beat(self, agent_id: UUID, request: AgentBeat) -> BeatAnswer:
        """Tell that an agent lives, and renew what it holds."""
        return self._send(work_pools.beat(agent_id, request))

    def list_agents(self, pool: str | None = None, limit: int | None = None, cursor: str | None = None) -> Page[Agent]:
        """List agents, of one pool or of all."""
        return self._send(work_pools.list_agents(pool, limit, cursor))

    def create_api_key(self, request: ApiKeyCreate) -> CreatedApiKey:
        """Make an API key. The answer is the only one that holds it."""
        return self._send(access.create_api_key(request))

    def list_api_keys(self, limit: int | None = None, cursor: str | None = None) -> Page[ApiKey]:
        """List API keys, the newest first."""
        return self._send(access.list_api_keys(limit, cursor))

    def revoke_api_key(self, key_id: UUID) -> ApiKey:
        """Revoke an API key."""
        return self._send(access.revoke_api_key(key_id))

    def list_audit_records(
        self,
        since: datetime | None = None,
        actor: str | None = None,
        action: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[AuditRecord]:
        """List the audit log, the newest first."""
        return self._send(access.list_audit_records(since, actor, action, limit, cursor))
