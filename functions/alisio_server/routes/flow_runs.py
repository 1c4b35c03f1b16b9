"""Flow runs: reading them, changing their course, and what their executors report."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Count, Page
from alisio.contract.history import FlowRunHistory, FlowRunHistoryQuery
from alisio.contract.reports import Report, ReportAnswer
from alisio.contract.runs import FlowRun, FlowRunFilter, FlowRunQuery, FlowRunsDelete, FlowRunsDeleted
from alisio.contract.state_record import StateRecord
from alisio.contract.work_pools import StartFailure
from alisio_server.access.rules import Access
from alisio_server.database.queries import flow_runs as queries
from alisio_server.database.queries.history import read_history
from alisio_server.orchestration import agents, flow_runs, removal, reports
from alisio_server.routes.support import Resource, no_content

resource = Resource("Flow runs")
_ONE = "/api/flow-runs/<flow_run_id>"


def _read(flow_run_id: UUID) -> FlowRun:
    with resource.services.database.read() as connection:
        return queries.get_flow_run(connection, flow_run_id)


@resource.route("POST", "/api/flow-runs/filter", access=Access.READ)
def filter_flow_runs(query: FlowRunQuery) -> Page[FlowRun]:
    """List flow runs."""
    with resource.services.database.read() as connection:
        return queries.filter_flow_runs(connection, query)


@resource.route("POST", "/api/flow-runs/count", access=Access.READ)
def count_flow_runs(wanted: FlowRunFilter) -> Count:
    """Count flow runs, exactly up to 10,000."""
    with resource.services.database.read() as connection:
        return queries.count_flow_runs(connection, wanted)


@resource.route("POST", "/api/flow-runs/history", access=Access.READ)
def get_flow_run_history(query: FlowRunHistoryQuery) -> FlowRunHistory:
    """Count flow runs over time, by their state."""
    with resource.services.database.read() as connection:
        return read_history(connection, query)


@resource.route("POST", "/api/flow-runs/delete", access=Access.DEPLOY)
def delete_flow_runs(wanted: FlowRunsDelete) -> FlowRunsDeleted:
    """Delete flow runs by a filter, as far as one request goes."""
    with resource.services.transaction(only_looks=wanted.dry_run) as tx:
        return removal.delete_runs(tx, wanted)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_flow_run(flow_run_id: UUID) -> FlowRun:
    """Read a flow run."""
    return _read(flow_run_id)


@resource.route("DELETE", _ONE, access=Access.DEPLOY, status=204, errors=(404, 409))
def delete_flow_run(flow_run_id: UUID) -> Response[None]:
    """Delete a flow run and all it left."""
    with resource.services.transaction() as tx:
        removal.delete_run(tx, flow_run_id)
    return no_content()


@resource.route("GET", f"{_ONE}/states", access=Access.READ, errors=(404,))
def get_flow_run_states(flow_run_id: UUID) -> list[StateRecord]:
    """Read the history of a flow run, oldest first."""
    with resource.services.database.read() as connection:
        return queries.get_flow_run_states(connection, flow_run_id)


@resource.route("POST", f"{_ONE}/cancel", access=Access.DEPLOY, errors=(404, 409))
def cancel_flow_run(flow_run_id: UUID) -> FlowRun:
    """Cancel a flow run."""
    with resource.services.transaction() as tx:
        flow_runs.cancel_run(tx, flow_run_id)
    return _read(flow_run_id)


@resource.route("POST", f"{_ONE}/retry", access=Access.DEPLOY, errors=(404, 409))
def retry_flow_run(flow_run_id: UUID) -> FlowRun:
    """Run a flow run that has ended again."""
    with resource.services.transaction() as tx:
        flow_runs.retry_run(tx, flow_run_id)
    return _read(flow_run_id)


@resource.route("POST", f"{_ONE}/reports", access=Access.REPORT, errors=(404, 409))
def report(flow_run_id: UUID, sent: Report) -> ReportAnswer:
    """Take an executor's report, which renews its lease."""
    with resource.services.transaction() as tx:
        return reports.apply_report(tx, flow_run_id, sent)


@resource.route("POST", f"{_ONE}/start-failures", access=Access.EXECUTE, status=204, errors=(404, 409))
def report_start_failure(flow_run_id: UUID, failure: StartFailure) -> Response[None]:
    """Say that a claimed run could not be started."""
    with resource.services.transaction() as tx:
        agents.fail_start(tx, flow_run_id, failure)
    return no_content()
