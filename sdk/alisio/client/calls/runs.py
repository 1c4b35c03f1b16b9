"""Calls about flow runs, task runs, logs, and the reports that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any
from uuid import UUID

from alisio.client.calls.base import Call, path_of
from alisio.contract.base import Count, Page
from alisio.contract.history import FlowRunHistory, FlowRunHistoryQuery
from alisio.contract.reports import ReportAnswer
from alisio.contract.runs import (
    FlowRun,
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
from alisio.contract.work_pools import StartFailure


def filter_flow_runs(query: FlowRunQuery) -> Call[Page[FlowRun]]:
    """List flow runs."""
    return Call("POST", "/flow-runs/filter", Page[FlowRun], query)


def count_flow_runs(which: FlowRunFilter) -> Call[Count]:
    """Count flow runs."""
    return Call("POST", "/flow-runs/count", Count, which)


def read_flow_run_history(query: FlowRunHistoryQuery) -> Call[FlowRunHistory]:
    """Count flow runs over time, by their state."""
    return Call("POST", "/flow-runs/history", FlowRunHistory, query)


def read_flow_run(flow_run_id: UUID) -> Call[FlowRun]:
    """Read a flow run."""
    return Call("GET", path_of("flow-runs", flow_run_id), FlowRun)


def read_flow_run_states(flow_run_id: UUID) -> Call[list[StateRecord]]:
    """Read the history of a flow run, oldest first."""
    return Call("GET", path_of("flow-runs", flow_run_id, "states"), list[StateRecord])


def cancel_flow_run(flow_run_id: UUID) -> Call[FlowRun]:
    """Ask a flow run to stop."""
    return Call("POST", path_of("flow-runs", flow_run_id, "cancel"), FlowRun)


def retry_flow_run(flow_run_id: UUID) -> Call[FlowRun]:
    """Schedule an ended flow run again. Sent once: a second one would meet a run that has not ended."""
    return Call("POST", path_of("flow-runs", flow_run_id, "retry"), FlowRun, repeatable=False)


def delete_flow_run(flow_run_id: UUID) -> Call[None]:
    """Delete a flow run with its task runs and logs."""
    return Call("DELETE", path_of("flow-runs", flow_run_id), NoneType)


def delete_flow_runs(request: FlowRunsDelete) -> Call[FlowRunsDeleted]:
    """Delete flow runs by a filter, as far as one request goes. Sent again, it goes on."""
    return Call("POST", "/flow-runs/delete", FlowRunsDeleted, request)


REPORT_SECONDS = 12.0
"""How long the answer to a report may take: one that is lost on its way must not cost a run its lease of 30 s."""


def send_report(flow_run_id: UUID, report: Mapping[str, Any]) -> Call[ReportAnswer]:
    """Send a report: a `Report` as JSON data."""
    path = path_of("flow-runs", flow_run_id, "reports")
    return Call("POST", path, ReportAnswer, report, timeout_seconds=REPORT_SECONDS)


def fail_start(flow_run_id: UUID, failure: StartFailure) -> Call[None]:
    """Tell that a claimed run could not be started."""
    return Call("POST", path_of("flow-runs", flow_run_id, "start-failures"), NoneType, failure)


def filter_task_runs(query: TaskRunQuery) -> Call[Page[TaskRun]]:
    """List task runs."""
    return Call("POST", "/task-runs/filter", Page[TaskRun], query)


def read_task_run(task_run_id: UUID) -> Call[TaskRun]:
    """Read a task run."""
    return Call("GET", path_of("task-runs", task_run_id), TaskRun)


def filter_logs(query: LogQuery) -> Call[Page[LogRecord]]:
    """List log lines."""
    return Call("POST", "/logs/filter", Page[LogRecord], query)
