"""The routes of pausing, resuming and inputs as methods, a part of `alisio.client.methods`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from uuid import UUID

from alisio.client.calls import control
from alisio.client.calls.base import Call
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

AnswerT = TypeVar("AnswerT")


class ControlMethods(ABC):
    """One method a route; what they raise is told in `RouteMethods`."""

    @abstractmethod
    def _send(self, call: Call[AnswerT]) -> AnswerT:
        """Carry a call to the server and read its answer."""

    def pause_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Have a flow run pause at its next task."""
        return self._send(control.pause_flow_run(flow_run_id))

    def suspend_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Have the process of a flow run of a deployment end at its next task."""
        return self._send(control.suspend_flow_run(flow_run_id))

    def resume_flow_run(self, flow_run_id: UUID, request: ResumeRequest | None = None) -> FlowRun:
        """Let a paused or suspended flow run go on, with the input that it waits for."""
        return self._send(control.resume_flow_run(flow_run_id, request or ResumeRequest()))

    def list_flow_run_pauses(self, flow_run_id: UUID) -> list[Pause]:
        """Read where a flow run pauses and has paused, the latest 100, with the schema of what it waits for."""
        return self._send(control.list_flow_run_pauses(flow_run_id))

    def stand_at_pause(self, flow_run_id: UUID, report: PauseReport) -> PauseAnswer:
        """Say that an executor stands at a pause, and ask whether it may go on."""
        return self._send(control.stand_at_pause(flow_run_id, report))

    def send_flow_run_input(self, flow_run_id: UUID, sent: FlowRunInputCreate) -> None:
        """Send something to a flow run."""
        return self._send(control.send_flow_run_input(flow_run_id, sent))

    def filter_flow_run_inputs(self, flow_run_id: UUID, query: FlowRunInputQuery) -> Page[FlowRunInput]:
        """List what was sent to a flow run."""
        return self._send(control.filter_flow_run_inputs(flow_run_id, query))

    def delete_flow_run_input(self, flow_run_id: UUID, key: str) -> None:
        """Remove something that was sent to a flow run."""
        return self._send(control.delete_flow_run_input(flow_run_id, key))
