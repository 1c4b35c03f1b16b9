"""Pausing, suspending and resuming flow runs, and what is sent to them."""

from __future__ import annotations

from uuid import UUID

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Page
from alisio.contract.control import (
    FlowRunInput,
    FlowRunInputCreate,
    FlowRunInputQuery,
    Pause,
    PauseAnswer,
    PauseReport,
    ResumeRequest,
)
from alisio.contract.runs import FlowRun
from alisio_server.access.rules import Access
from alisio_server.database.queries import control as queries
from alisio_server.database.queries.flow_runs import get_flow_run
from alisio_server.orchestration import pauses, run_inputs
from alisio_server.routes.support import PathName, Resource, no_content

resource = Resource("Flow runs")
_ONE = "/api/flow-runs/<flow_run_id>"


def _read(flow_run_id: UUID) -> FlowRun:
    with resource.services.database.read() as connection:
        return get_flow_run(connection, flow_run_id)


@resource.route("POST", f"{_ONE}/pause", access=Access.DEPLOY, errors=(404, 409))
def pause_flow_run(flow_run_id: UUID) -> FlowRun:
    """Have a flow run pause at its next task."""
    with resource.services.transaction() as tx:
        pauses.pause_run(tx, flow_run_id, suspends=False)
    return _read(flow_run_id)


@resource.route("POST", f"{_ONE}/suspend", access=Access.DEPLOY, errors=(404, 409))
def suspend_flow_run(flow_run_id: UUID) -> FlowRun:
    """Have the process of a flow run end at its next task, to be started again when the run is resumed."""
    with resource.services.transaction() as tx:
        pauses.pause_run(tx, flow_run_id, suspends=True)
    return _read(flow_run_id)


@resource.route("POST", f"{_ONE}/resume", access=Access.RUN, errors=(404, 409))
def resume_flow_run(flow_run_id: UUID, wanted: ResumeRequest) -> FlowRun:
    """Let a paused or suspended flow run go on, with the input that it waits for."""
    with resource.services.transaction() as tx:
        pauses.resume_run(tx, flow_run_id, wanted.input)
    return _read(flow_run_id)


@resource.route("GET", f"{_ONE}/pauses", access=Access.READ, errors=(404,))
def list_flow_run_pauses(flow_run_id: UUID) -> list[Pause]:
    """Read where a flow run pauses and has paused, the latest 100, with the schema of what it waits for."""
    with resource.services.database.read() as connection:
        get_flow_run(connection, flow_run_id)
        return queries.list_pauses(connection, flow_run_id)


@resource.route("POST", f"{_ONE}/pauses", access=Access.REPORT, errors=(404, 409))
def stand_at_pause(flow_run_id: UUID, report: PauseReport) -> PauseAnswer:
    """Say that an executor stands at a pause, and ask whether it may go on."""
    with resource.services.transaction() as tx:
        return pauses.stand_at_pause(tx, flow_run_id, report)


@resource.route("POST", f"{_ONE}/inputs", access=Access.REPORT, status=204, errors=(404,))
def send_flow_run_input(flow_run_id: UUID, sent: FlowRunInputCreate) -> Response[None]:
    """Send something to a flow run."""
    with resource.services.transaction() as tx:
        run_inputs.send_input(tx, flow_run_id, sent)
    return no_content()


@resource.route("POST", f"{_ONE}/inputs/filter", access=Access.READ, errors=(404,))
def filter_flow_run_inputs(flow_run_id: UUID, query: FlowRunInputQuery) -> Page[FlowRunInput]:
    """List what was sent to a flow run."""
    with resource.services.database.read() as connection:
        get_flow_run(connection, flow_run_id)
        return queries.filter_inputs(connection, flow_run_id, query)


@resource.route("DELETE", f"{_ONE}/inputs/<key>", access=Access.REPORT, status=204, errors=(404,))
def delete_flow_run_input(flow_run_id: UUID, key: PathName) -> Response[None]:
    """Remove something that was sent to a flow run."""
    with resource.services.transaction() as tx:
        run_inputs.delete_input(tx, flow_run_id, key)
    return no_content()
