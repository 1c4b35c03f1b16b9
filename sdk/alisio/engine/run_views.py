"""What hooks and conditions of users are shown of a run: its facts, read-only, as they are when they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alisio.contract.states import StateType
from alisio.engine.base_run import Run
from alisio.engine.runs import FlowRun, TaskRun
from alisio.states import State

ASKING_SECONDS = 5.0
"""How long a hook that asks for the flow's id waits until the server knows of the run."""


class RunView:
    """What is shown of any run.

    Attributes:
        state: The state that the run has come to.
    """

    def __init__(self, run: Run, state: State[Any]) -> None:
        self._run = run
        self.state = state

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={str(self.id)!r}, name={self.name!r}, state={self.state!r})"

    @property
    def id(self) -> UUID:
        """Its id."""
        return self._run.id

    @property
    def name(self) -> str:
        """Its name."""
        return self._run.name

    @property
    def tags(self) -> list[str]:
        """Its tags, sorted."""
        return list(self._run.tags)

    @property
    def run_count(self) -> int:
        """How often its code was started."""
        return self._run.run_count

    @property
    def state_type(self) -> StateType:
        """The type of its state."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of its state."""
        return self.state.name

    @property
    def start_time(self) -> datetime | None:
        """When it first began to run, in UTC; None: it never did."""
        return next((_time(each.at) for each in self._run.history if each.type is StateType.RUNNING), None)

    @property
    def end_time(self) -> datetime | None:
        """When it ended, in UTC; None: it has not."""
        ending = self._run.ending
        return None if ending is None else _time(ending.at)

    @property
    def total_run_time(self) -> timedelta:
        """How long it has run, from its first start to its end, or until now."""
        start = self.start_time
        return timedelta() if start is None else (self.end_time or datetime.now(UTC)) - start


class FlowRunView(RunView):
    """What is shown of a flow run."""

    _run: FlowRun

    @property
    def flow_name(self) -> str:
        """The flow's name."""
        return self._run.definition.name

    @property
    def flow_version(self) -> str:
        """The flow's version."""
        return self._run.definition.version

    @property
    def flow_id(self) -> UUID | None:
        """The flow's id; of a run by hand and of a subflow the server is asked. None: it did not answer."""
        known = self._run.job.get("flow_id")
        return _flow_id_of(self._run.id) if known is None else UUID(known)

    @property
    def parameters(self) -> dict[str, Any]:
        """Its parameters by name."""
        return dict(self._run.parameters)

    @property
    def expected_start_time(self) -> datetime:
        """When it was to start, in UTC."""
        return self._run.scheduled_start_time

    @property
    def parent_flow_run_id(self) -> UUID | None:
        """The run that called it; None: it is the root."""
        return None if self._run.parent is None else self._run.parent.id

    @property
    def root_flow_run_id(self) -> UUID:
        """The run at the top."""
        return self._run.root.id

    @property
    def deployment_id(self) -> UUID | None:
        """The deployment whose run it is; None: it was started by hand, or by another flow's code."""
        known = self._run.job.get("deployment_id")
        return None if known is None else UUID(known)

    @property
    def deployment_name(self) -> str | None:
        """The name of that deployment."""
        return self._run.job.get("deployment_name")

    @property
    def work_pool_name(self) -> str | None:
        """The work pool that it came from."""
        return self._run.job.get("work_pool_name")

    @property
    def work_queue_name(self) -> str | None:
        """The work queue that it came from."""
        return self._run.job.get("work_queue_name")

    @property
    def job_variables(self) -> dict[str, Any]:
        """The job variables that hold for it."""
        return dict(self._run.job.get("job_variables") or {})


class TaskRunView(RunView):
    """What is shown of a task run.

    Attributes:
        parameters: The arguments given to it, by name.
    """

    _run: TaskRun

    def __init__(self, run: TaskRun, state: State[Any]) -> None:
        super().__init__(run, state)
        self.parameters: dict[str, Any] = dict(run.parameters)  # the run lets them go at its end

    @property
    def flow_run_id(self) -> UUID | None:
        """The flow run that it belongs to; None: it was called outside of one."""
        return None if self._run.flow_run is None else self._run.flow_run.id

    @property
    def task_key(self) -> str:
        """Which task: its module and name."""
        return self._run.definition.task_key

    @property
    def dynamic_key(self) -> str:
        """Its place among the runs of the same task in its flow run, from 0."""
        return str(self._run.index)

    @property
    def task_inputs(self) -> dict[str, list[UUID]]:
        """For each parameter, the task runs whose results were in its argument."""
        return {name: list(ids) for name, ids in self._run.inputs.items()}


def view_of(run: Run, state: State[Any]) -> RunView:
    """Make what users are shown of a run that has come to a state."""
    return TaskRunView(run, state) if isinstance(run, TaskRun) else FlowRunView(run, state)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _flow_id_of(flow_run_id: UUID) -> UUID | None:
    from alisio.client import open_client
    from alisio.engine.reporter import current_reporter
    from alisio.exceptions import AlisioError

    current_reporter().flush(ASKING_SECONDS)
    try:
        with open_client() as client:
            return client.read_flow_run(flow_run_id).flow_id
    except AlisioError:
        return None
