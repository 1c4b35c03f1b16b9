"""Flow runs, task runs and logs as methods of the public clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from alisio.client import filtering
from alisio.client.calls import control, runs
from alisio.client.operations import Steps, ask, operation, route, rows
from alisio.client.run_states import FlowRunStates
from alisio.client.schemas.filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    LogFilter,
    TaskRunFilter,
    WorkPoolFilter,
    WorkQueueFilter,
)
from alisio.client.schemas.objects import FlowRun, Log, State, TaskRun, flow_run_of, log_of, task_run_of
from alisio.client.schemas.sorting import FlowRunSort, TaskRunSort, read_sort
from alisio.contract import history
from alisio.contract import runs as contract
from alisio.contract.base import MAX_PAGE
from alisio.contract.control import FlowRunInput, FlowRunInputQuery

FilterOf = Mapping[str, Any] | None
MAX_TASK_RUNS = 2_000
"""How many task runs are read at most to find the flow runs that have them."""


class RunOperations(FlowRunStates):
    """Reading and deleting runs. Filters are objects of `alisio.client.schemas.filters`, or the same as mappings."""

    delete_flow_run = route(runs.delete_flow_run)
    list_flow_run_pauses = route(control.list_flow_run_pauses)
    create_flow_run_input = route(control.send_flow_run_input)
    delete_flow_run_input = route(control.delete_flow_run_input)

    @operation
    def read_flow_run(self, flow_run_id: UUID) -> Steps[FlowRun]:
        """Read a flow run; its `state` is a `State`."""
        return flow_run_of((yield from ask(runs.read_flow_run(flow_run_id))))

    @operation
    def read_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | FilterOf = None,
        flow_run_filter: FlowRunFilter | FilterOf = None,
        deployment_filter: DeploymentFilter | FilterOf = None,
        work_pool_filter: WorkPoolFilter | FilterOf = None,
        work_queue_filter: WorkQueueFilter | FilterOf = None,
        task_run_filter: TaskRunFilter | FilterOf = None,
        sort: FlowRunSort | str = FlowRunSort.CREATED_DESC,
        limit: int | None = 200,
        offset: int = 0,
    ) -> Steps[list[FlowRun]]:
        """List flow runs.

        Args:
            flow_filter: Those of which flows, by id or name.
            flow_run_filter: Which of them.
            deployment_filter: Those of which deployments, by id or name.
            work_pool_filter: Those of which work pools, by name.
            work_queue_filter: Those of which work queues, by name.
            task_run_filter: Those that have one of which task runs; of at most 200 flow runs there may be such.
            sort: Their order.
            limit: How many at most; None: all.
            offset: How many to pass over.

        Returns:
            The runs.

        Raises:
            ValueError: The API cannot filter so.
        """
        which = _runs(flow_filter, flow_run_filter, deployment_filter, work_pool_filter, work_queue_filter)
        if task_run_filter is not None:
            which = yield from _having(which, task_run_filter)
        order = contract.FlowRunSort(read_sort(FlowRunSort, sort).value)
        found = yield from rows(
            lambda size, cursor: runs.filter_flow_runs(
                contract.FlowRunQuery(filter=which, sort=order, limit=size, cursor=cursor)
            ),
            limit,
            offset,
        )
        return [flow_run_of(run) for run in found]

    @operation
    def count_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | FilterOf = None,
        flow_run_filter: FlowRunFilter | FilterOf = None,
        deployment_filter: DeploymentFilter | FilterOf = None,
        work_pool_filter: WorkPoolFilter | FilterOf = None,
        work_queue_filter: WorkQueueFilter | FilterOf = None,
    ) -> Steps[int]:
        """Count flow runs, up to 10,000; the filters are those of `read_flow_runs`."""
        which = _runs(flow_filter, flow_run_filter, deployment_filter, work_pool_filter, work_queue_filter)
        return (yield from ask(runs.count_flow_runs(which))).count

    @operation
    def read_flow_run_history(
        self,
        start: datetime,
        end: datetime,
        bucket_seconds: int,
        *,
        flow_filter: FlowFilter | FilterOf = None,
        flow_run_filter: FlowRunFilter | FilterOf = None,
    ) -> Steps[list[history.HistoryBucket]]:
        """Count the flow runs that were due in a span, by their present state.

        Args:
            start: When the first bucket begins.
            end: When the last one ends.
            bucket_seconds: How long a bucket is; there may be 500 of them.
            flow_filter: Those of which flows, by id or name.
            flow_run_filter: Which of them.

        Returns:
            The buckets, ascending.
        """
        fields = {"filter": _runs(flow_filter, flow_run_filter), "start": start, "end": end}
        query = filtering.read(history.FlowRunHistoryQuery, fields | {"bucket_seconds": bucket_seconds})
        return (yield from ask(runs.read_flow_run_history(query))).buckets

    @operation
    def read_flow_run_states(self, flow_run_id: UUID) -> Steps[list[State[Any]]]:
        """Read the history of a flow run, oldest first."""
        return [State.from_record(each) for each in (yield from ask(runs.read_flow_run_states(flow_run_id)))]

    @operation
    def delete_flow_runs(
        self, *, flow_run_filter: FlowRunFilter | FilterOf, limit: int = 100, dry_run: bool = False
    ) -> Steps[contract.FlowRunsDeleted]:
        """Delete the flow runs that match and do not run, as far as one request goes.

        Args:
            flow_run_filter: Which runs.
            limit: How many at most, from 1 to 200.
            dry_run: Only tell how many there are.

        Returns:
            What was deleted, and how many remain.
        """
        fields = {"filter": _runs(None, flow_run_filter), "limit": limit, "dry_run": dry_run}
        return (yield from ask(runs.delete_flow_runs(filtering.read(contract.FlowRunsDelete, fields))))

    @operation
    def filter_flow_run_input(self, flow_run_id: UUID, key_prefix: str, limit: int = 1) -> Steps[list[FlowRunInput]]:
        """List what was sent to a flow run under keys that begin so."""
        return (
            yield from rows(
                lambda size, cursor: control.filter_flow_run_inputs(
                    flow_run_id, FlowRunInputQuery(prefix=key_prefix, limit=size, cursor=cursor)
                ),
                limit,
            )
        )

    @operation
    def read_task_run(self, task_run_id: UUID) -> Steps[TaskRun]:
        """Read a task run; its `state` is a `State`."""
        return task_run_of((yield from ask(runs.read_task_run(task_run_id))))

    @operation
    def read_task_runs(
        self,
        *,
        flow_run_filter: FlowRunFilter | FilterOf = None,
        task_run_filter: TaskRunFilter | FilterOf = None,
        sort: TaskRunSort | str = TaskRunSort.CREATED_ASC,
        limit: int | None = 200,
        offset: int = 0,
    ) -> Steps[list[TaskRun]]:
        """List task runs.

        Args:
            flow_run_filter: Those of which flow runs, by id.
            task_run_filter: Which of them.
            sort: Their order.
            limit: How many at most; None: all.
            offset: How many to pass over.

        Returns:
            The task runs.

        Raises:
            ValueError: The API cannot filter so.
        """
        which = filtering.joined(
            contract.TaskRunFilter,
            filtering.narrowed(FlowRunFilter, flow_run_filter, filtering.RUNS_OF_OTHERS),
            filtering.narrowed(TaskRunFilter, task_run_filter, filtering.TASK_RUNS),
        )
        order = contract.TaskRunSort(read_sort(TaskRunSort, sort).value)
        found = yield from rows(
            lambda size, cursor: runs.filter_task_runs(
                contract.TaskRunQuery(filter=which, sort=order, limit=size, cursor=cursor)
            ),
            limit,
            offset,
        )
        return [task_run_of(run) for run in found]

    @operation
    def read_logs(
        self, log_filter: LogFilter | FilterOf = None, limit: int | None = 200, offset: int = 0
    ) -> Steps[list[Log]]:
        """List log lines in the order in which the server stored them; `limit=None` gives all."""
        fields = filtering.narrowed(LogFilter, log_filter, filtering.LOGS)
        which = filtering.joined(contract.LogFilter, fields)
        found = yield from rows(
            lambda size, cursor: runs.filter_logs(contract.LogQuery(filter=which, limit=size, cursor=cursor)),
            limit,
            offset,
        )
        return [log_of(record) for record in found]


def _having(which: contract.FlowRunFilter, task_run_filter: TaskRunFilter | FilterOf) -> Steps[contract.FlowRunFilter]:
    """Narrow a filter to the flow runs that have one of some task runs, which are looked for first."""
    fields = filtering.narrowed(TaskRunFilter, task_run_filter, filtering.TASK_RUNS)
    if which.ids is not None:
        fields = {"flow_run_ids": which.ids} | fields
    wanted = filtering.joined(contract.TaskRunFilter, fields)
    found = yield from rows(
        lambda size, cursor: runs.filter_task_runs(contract.TaskRunQuery(filter=wanted, limit=size, cursor=cursor)),
        MAX_TASK_RUNS + 1,
    )
    ids = dict.fromkeys(run.flow_run_id for run in found)
    if len(found) > MAX_TASK_RUNS or len(ids) > MAX_PAGE:
        raise ValueError(
            f"TaskRunFilter: more than {MAX_TASK_RUNS:,} task runs, or those of {MAX_PAGE} flow runs, match; narrow it"
        )
    return which.model_copy(update={"ids": [each for each in ids if which.ids is None or each in which.ids]})


def _runs(
    flow_filter: FlowFilter | FilterOf = None,
    flow_run_filter: FlowRunFilter | FilterOf = None,
    deployment_filter: DeploymentFilter | FilterOf = None,
    work_pool_filter: WorkPoolFilter | FilterOf = None,
    work_queue_filter: WorkQueueFilter | FilterOf = None,
) -> contract.FlowRunFilter:
    return filtering.joined(
        contract.FlowRunFilter,
        filtering.narrowed(FlowFilter, flow_filter, filtering.FLOWS_OF_OTHERS),
        filtering.narrowed(FlowRunFilter, flow_run_filter, filtering.FLOW_RUNS),
        filtering.narrowed(DeploymentFilter, deployment_filter, filtering.DEPLOYMENTS_OF_RUNS),
        filtering.narrowed(WorkPoolFilter, work_pool_filter, filtering.POOLS_OF_OTHERS),
        filtering.narrowed(WorkQueueFilter, work_queue_filter, filtering.QUEUES_OF_RUNS),
    )
