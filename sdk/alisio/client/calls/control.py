"""The calls by which runs pause and go on, and by which something is sent to them."""

from __future__ import annotations

from types import NoneType
from uuid import UUID

from alisio.client.calls.base import Call, path_of
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


def pause_flow_run(flow_run_id: UUID) -> Call[FlowRun]:
    """Have a flow run pause at its next task."""
    return Call("POST", path_of("flow-runs", flow_run_id, "pause"), FlowRun)


def suspend_flow_run(flow_run_id: UUID) -> Call[FlowRun]:
    """Have the process of a flow run end at its next task."""
    return Call("POST", path_of("flow-runs", flow_run_id, "suspend"), FlowRun)


def resume_flow_run(flow_run_id: UUID, request: ResumeRequest) -> Call[FlowRun]:
    """Let a flow run go on. Sent once: a second one would meet a run that is not paused."""
    return Call("POST", path_of("flow-runs", flow_run_id, "resume"), FlowRun, request, repeatable=False)


def list_flow_run_pauses(flow_run_id: UUID) -> Call[list[Pause]]:
    """Read where a flow run pauses and has paused."""
    return Call("GET", path_of("flow-runs", flow_run_id, "pauses"), list[Pause])


def stand_at_pause(flow_run_id: UUID, report: PauseReport) -> Call[PauseAnswer]:
    """Say that an executor stands at a pause, and ask whether it may go on."""
    return Call("POST", path_of("flow-runs", flow_run_id, "pauses"), PauseAnswer, report)


def send_flow_run_input(flow_run_id: UUID, sent: FlowRunInputCreate) -> Call[None]:
    """Send something to a flow run."""
    return Call("POST", path_of("flow-runs", flow_run_id, "inputs"), NoneType, sent)


def filter_flow_run_inputs(flow_run_id: UUID, query: FlowRunInputQuery) -> Call[Page[FlowRunInput]]:
    """List what was sent to a flow run."""
    return Call("POST", path_of("flow-runs", flow_run_id, "inputs", "filter"), Page[FlowRunInput], query)


def delete_flow_run_input(flow_run_id: UUID, key: str) -> Call[None]:
    """Remove something that was sent to a flow run."""
    return Call("DELETE", path_of("flow-runs", flow_run_id, "inputs", key), NoneType)
