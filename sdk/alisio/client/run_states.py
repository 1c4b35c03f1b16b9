"""Changing what flow runs are at, as methods of the public clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from alisio.client import filtering
from alisio.client.calls import control, deployments, runs
from alisio.client.calls.base import Call
from alisio.client.operations import Steps, ask, operation
from alisio.client.schemas.objects import FlowRun, State, flow_run_of
from alisio.contract import runs as contract
from alisio.contract.base import utc_now
from alisio.contract.control import ResumeRequest
from alisio.contract.states import StateName, StateType


@dataclass(frozen=True)
class OrchestrationResult:
    """What became of the wish for a state.

    Attributes:
        state: The state that the run is in now.
        status: `ACCEPT`; what the rules refuse raises `ConflictError`.
    """

    state: State[Any]
    status: str = "ACCEPT"


class FlowRunStates:
    """Asking for runs, and having them go on or stop."""

    @operation
    def create_flow_run_from_deployment(
        self,
        deployment_id: UUID,
        *,
        parameters: Mapping[str, Any] | None = None,
        state: State[Any] | None = None,
        name: str | None = None,
        tags: Iterable[str] = (),
        idempotency_key: str | None = None,
        work_queue_name: str | None = None,
        job_variables: Mapping[str, Any] | None = None,
    ) -> Steps[FlowRun]:
        """Ask for a run of a deployment.

        Args:
            deployment_id: The deployment.
            parameters: Laid over the deployment's own.
            state: `Scheduled(scheduled_time=...)` for a later start; by default it starts at once.
            name: The run's name; by default one is made up.
            tags: The run's tags.
            idempotency_key: The same key for the same deployment gives back the first run.
            work_queue_name: Another queue of the deployment's pool.
            job_variables: Laid over the deployment's own.

        Returns:
            The run.

        Raises:
            ValueError: The state is not SCHEDULED, or something else cannot be used.
            ObjectNotFound: There is no such deployment.
        """
        if state is not None and not state.is_scheduled():
            raise ValueError(f"a run begins as Scheduled, not as {state.name}: give Scheduled(scheduled_time=...)")
        given = {
            "parameters": None if parameters is None else dict(parameters),
            "due": None if state is None else state.scheduled_time,
            "name": name,
            "tags": list(tags),
            "idempotency_key": idempotency_key,
            "work_queue_name": work_queue_name,
            "job_variables": None if job_variables is None else dict(job_variables),
        }
        known = {key: value for key, value in given.items() if value is not None}
        request = filtering.read(contract.FlowRunCreate, known)
        return flow_run_of((yield from ask(deployments.create_run(deployment_id, request))))

    @operation
    def set_flow_run_state(self, flow_run_id: UUID, state: State[Any]) -> Steps[OrchestrationResult]:
        """Have a flow run go to a state, where that is something that can be asked of a run.

        Args:
            flow_run_id: The run.
            state: `Cancelling()` or `Cancelled()` to stop it, `Paused()`, `Suspended()`, or `Scheduled()` to have an
                ended run begin again at once. Executors alone say what else a run is at.

        Returns:
            The state that the run is in then: a running flow is `Cancelling`, `Pausing` or `Suspending` until it
            comes to it.

        Raises:
            ValueError: This state cannot be asked for.
            ConflictError: It does not fit the state that the run is in.
            ObjectNotFound: There is no such run.
        """
        run = yield from ask(_asked(state)(flow_run_id))
        return OrchestrationResult(flow_run_of(run).state)

    @operation
    def cancel_flow_run(self, flow_run_id: UUID) -> Steps[FlowRun]:
        """Ask a flow run to stop."""
        return flow_run_of((yield from ask(runs.cancel_flow_run(flow_run_id))))

    @operation
    def retry_flow_run(self, flow_run_id: UUID) -> Steps[FlowRun]:
        """Have an ended flow run begin again at once."""
        return flow_run_of((yield from ask(runs.retry_flow_run(flow_run_id))))

    @operation
    def pause_flow_run(self, flow_run_id: UUID) -> Steps[FlowRun]:
        """Have a flow run pause at its next task."""
        return flow_run_of((yield from ask(control.pause_flow_run(flow_run_id))))

    @operation
    def suspend_flow_run(self, flow_run_id: UUID) -> Steps[FlowRun]:
        """Have the process of a flow run of a deployment end at its next task."""
        return flow_run_of((yield from ask(control.suspend_flow_run(flow_run_id))))

    @operation
    def resume_flow_run(self, flow_run_id: UUID, run_input: Mapping[str, Any] | None = None) -> Steps[FlowRun]:
        """Let a paused or suspended flow run go on, with the input that it waits for."""
        request = ResumeRequest() if run_input is None else ResumeRequest(input=dict(run_input))
        return flow_run_of((yield from ask(control.resume_flow_run(flow_run_id, request))))


def _asked(state: State[Any]) -> Callable[[UUID], Call[contract.FlowRun]]:
    if state.type in (StateType.CANCELLING, StateType.CANCELLED):
        return runs.cancel_flow_run
    if state.type is StateType.PAUSED:
        return control.suspend_flow_run if state.name == StateName.SUSPENDED else control.pause_flow_run
    if state.type is not StateType.SCHEDULED:
        raise ValueError(
            f"a run cannot be made {state.name} from outside: ask for Cancelling, Paused, Suspended or Scheduled"
        )
    if state.scheduled_time is not None and state.scheduled_time > utc_now():
        raise ValueError("an ended run begins again at once: give Scheduled() without a time that is to come")
    return runs.retry_flow_run
