"""Work pools, queues, agents, API keys and the server itself as methods of the public clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from alisio.client import filtering
from alisio.client.calls import access, runs, work_pools
from alisio.client.limit_operations import LimitOperations
from alisio.client.operations import Steps, ask, operation, route, rows
from alisio.client.schemas.filters import WorkPoolFilter
from alisio.client.schemas.objects import FlowRun, Greeting, WorkPool, WorkQueue, flow_run_of
from alisio.contract import runs as contract
from alisio.contract.access import ApiKey, AuditRecord
from alisio.contract.states import StateType
from alisio.contract.work_pools import Agent
from alisio.exceptions import ApiUnreachableError


class WorkOperations(LimitOperations):
    """Where runs are executed, and how many at once."""

    create_work_pool = route(work_pools.create_work_pool)
    read_work_pool = route(work_pools.read_work_pool)
    update_work_pool = route(work_pools.change_work_pool)
    delete_work_pool = route(work_pools.delete_work_pool)
    create_work_queue = route(work_pools.create_work_queue)
    read_work_queue = route(work_pools.read_work_queue)
    update_work_queue = route(work_pools.change_work_queue)
    delete_work_queue = route(work_pools.delete_work_queue)
    create_api_key = route(access.create_api_key)
    revoke_api_key = route(access.revoke_api_key)
    read_health = route(work_pools.read_health)

    @operation
    def api_healthcheck(self) -> Steps[Exception | None]:
        """Ask whether the API can be reached, and give the exception that says why not; None: it can."""
        try:
            yield from ask(work_pools.read_health())
        except ApiUnreachableError as error:
            return error
        return None

    @operation
    def hello(self) -> Steps[Greeting]:
        """Ask the API to say something; `json()` of what it gives is its status: `ok`."""
        return Greeting((yield from ask(work_pools.read_health())).status)

    @operation
    def api_version(self) -> Steps[str]:
        """Ask which version the API is of."""
        return (yield from ask(work_pools.read_version())).version

    @operation
    def read_work_pools(
        self,
        limit: int | None = None,
        offset: int = 0,
        work_pool_filter: WorkPoolFilter | Mapping[str, Any] | None = None,
    ) -> Steps[list[WorkPool]]:
        """List work pools by name; the filter, by `any_` of their ids, names or types, is applied here.

        Raises:
            ValueError: There is no such criterion.
        """
        rules: dict[str, filtering.Rule] = {f"{field}.any_": field for field in ("id", "name", "type")}
        wanted = filtering.narrowed(WorkPoolFilter, work_pool_filter, rules)
        pools = yield from rows(work_pools.list_work_pools, None)
        fitting = [pool for pool in pools if all(getattr(pool, field) in any_ for field, any_ in wanted.items())]
        return fitting[offset : None if limit is None else offset + limit]

    @operation
    def read_work_queues(
        self, work_pool_name: str, limit: int | None = None, offset: int = 0
    ) -> Steps[list[WorkQueue]]:
        """List the work queues of a pool."""
        return (
            yield from rows(
                lambda size, cursor: work_pools.list_work_queues(work_pool_name, size, cursor), limit, offset
            )
        )

    @operation
    def get_scheduled_flow_runs_for_work_pool(
        self,
        work_pool_name: str,
        work_queue_names: Iterable[str] | None = None,
        scheduled_before: datetime | None = None,
        limit: int | None = 200,
    ) -> Steps[list[FlowRun]]:
        """List the runs that wait for agents of a pool, the earliest first. It takes none of them.

        Args:
            work_pool_name: The pool.
            work_queue_names: Only those of these queues.
            scheduled_before: Only those that are due before this time.
            limit: How many at most; None: all.

        Returns:
            The runs.
        """
        fields: dict[str, Any] = {"work_pool_names": [work_pool_name], "state_types": [StateType.SCHEDULED]}
        if work_queue_names is not None:
            fields["work_queue_names"] = list(work_queue_names)
        if scheduled_before is not None:
            fields["due_before"] = scheduled_before
        which = filtering.joined(contract.FlowRunFilter, fields)
        order = contract.FlowRunSort.DUE_ASC
        found = yield from rows(
            lambda size, cursor: runs.filter_flow_runs(
                contract.FlowRunQuery(filter=which, sort=order, limit=size, cursor=cursor)
            ),
            limit,
        )
        return [flow_run_of(run) for run in found]

    @operation
    def read_workers_for_work_pool(self, work_pool_name: str | None = None) -> Steps[list[Agent]]:
        """List the agents of a work pool, or of all; they are what Prefect names workers."""
        return (yield from rows(lambda size, cursor: work_pools.list_agents(work_pool_name, size, cursor), None))

    @operation
    def read_api_keys(self, limit: int | None = None, offset: int = 0) -> Steps[list[ApiKey]]:
        """List API keys, the newest first."""
        return (yield from rows(access.list_api_keys, limit, offset))

    @operation
    def read_audit_records(
        self,
        since: datetime | None = None,
        actor: str | None = None,
        action: str | None = None,
        limit: int | None = 200,
        offset: int = 0,
    ) -> Steps[list[AuditRecord]]:
        """List the audit log, the newest first."""
        return (
            yield from rows(
                lambda size, cursor: access.list_audit_records(since, actor, action, size, cursor), limit, offset
            )
        )
