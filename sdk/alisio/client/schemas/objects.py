"""What the client gives: flows, runs with their states, deployments, and what is around them.

Hooks are given objects of their own with the same fields and more, so these classes serve as annotations there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import PlainSerializer, PlainValidator

from alisio.contract import runs
from alisio.contract.artifacts import ArtifactRecord as Artifact
from alisio.contract.base import utc_now
from alisio.contract.blocks import BlockDocument, BlockType
from alisio.contract.deployments import Deployment, Schedule
from alisio.contract.limits import ConcurrencyLimit as GlobalConcurrencyLimit
from alisio.contract.limits import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from alisio.contract.runs import Flow
from alisio.contract.state_record import StateRecord
from alisio.contract.states import StateType
from alisio.contract.tag_limits import TAG_PREFIX
from alisio.contract.variables import VariableRecord as Variable
from alisio.contract.work_pools import WorkPool, WorkQueue
from alisio.states import State

__all__ = [
    "Artifact",
    "BlockDocument",
    "BlockType",
    "ConcurrencyLimit",
    "ConcurrencyLimitConfig",
    "ConcurrencyLimitStrategy",
    "Deployment",
    "Flow",
    "FlowRun",
    "GlobalConcurrencyLimit",
    "Greeting",
    "Log",
    "Schedule",
    "State",
    "StateType",
    "TaskRun",
    "Variable",
    "WorkPool",
    "WorkQueue",
]


def _to_state(given: Any) -> State[Any]:
    if isinstance(given, State):
        return given
    return State.from_record(StateRecord.model_validate(given))


def _to_record(state: State[Any]) -> dict[str, Any]:
    result = None if state.stored is None else state.stored.location
    record = StateRecord(
        type=state.type, name=state.name, message=state.message, timestamp=state.timestamp, result=result
    )
    return record.model_dump(mode="json")


RunState = Annotated[State[Any], PlainValidator(_to_state), PlainSerializer(_to_record)]
"""The `State` of a run, with its predicates and its result; on the wire it is a `StateRecord`."""


class FlowRun(runs.FlowRun):
    """A flow run whose `state` is a `State`, with the names that users of Prefect know its fields by as well."""

    state: RunState  # type: ignore[assignment]  # a richer view of the same record

    @property
    def state_type(self) -> StateType:
        """The type of its state."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of its state."""
        return self.state.name

    @property
    def expected_start_time(self) -> datetime:
        """When it is to start, or was; also known as `due`."""
        return self.due

    @property
    def start_time(self) -> datetime | None:
        """When it started; also known as `started`."""
        return self.started

    @property
    def end_time(self) -> datetime | None:
        """When it ended; also known as `ended`."""
        return self.ended

    @property
    def run_count(self) -> int:
        """How many times it was begun; also known as `attempt`."""
        return self.attempt

    @property
    def total_run_time(self) -> timedelta:
        """The time from its start to its end, or until now."""
        return _between(self.started, self.ended)

    @property
    def estimated_run_time(self) -> timedelta:
        """The same as `total_run_time`."""
        return self.total_run_time

    @property
    def auto_scheduled(self) -> bool:
        """Whether a schedule has made it."""
        return self.schedule_slug is not None


class TaskRun(runs.TaskRun):
    """A task run whose `state` is a `State`; its `states` are records."""

    state: RunState  # type: ignore[assignment]  # a richer view of the same record

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
        """When it started; also known as `started`."""
        return self.started

    @property
    def end_time(self) -> datetime | None:
        """When it ended; also known as `ended`."""
        return self.ended

    @property
    def total_run_time(self) -> timedelta:
        """The time from its start to its end, or until now."""
        return _between(self.started, self.ended)

    @property
    def estimated_run_time(self) -> timedelta:
        """The same as `total_run_time`."""
        return self.total_run_time

    @property
    def dynamic_key(self) -> str:
        """Its place among the runs of its task in its flow run; also known as `index`."""
        return str(self.index)

    @property
    def run_count(self) -> int:
        """How many times its code was begun."""
        return sum(state.type is StateType.RUNNING for state in self.states)


class Log(runs.LogRecord):
    """A log line, with the names that users of Prefect know its fields by as well."""

    @property
    def name(self) -> str:
        """The name of its logger; also known as `logger`."""
        return self.logger


@dataclass(frozen=True)
class ConcurrencyLimit:
    """A limit on the tasks with a tag.

    Attributes:
        concurrency_limit: How many may run at once.
        active_slots: The task runs that hold slots, the first hundred; only where one limit is read.
    """

    id: UUID
    tag: str
    concurrency_limit: int
    active_slots: list[UUID]
    created: datetime
    updated: datetime

    @classmethod
    def of(cls, limit: GlobalConcurrencyLimit) -> ConcurrencyLimit:
        """Make it of the named limit that it is."""
        holders = [slots.holder.id for slots in limit.held if slots.holder is not None]
        tag = limit.name.removeprefix(TAG_PREFIX)
        return cls(limit.id, tag, limit.limit, holders, limit.created, limit.updated)


@dataclass(frozen=True)
class Greeting:
    """What the API says when it is greeted, in the manner of a response.

    Attributes:
        text: What it says.
        status_code: 200, as it has answered.
    """

    text: str
    status_code: int = 200

    def json(self) -> str:
        """Give what it says."""
        return self.text


def flow_run_of(run: runs.FlowRun) -> FlowRun:
    """Give a flow run of the API with its `State`."""
    return run if isinstance(run, FlowRun) else FlowRun.model_validate(dict(run))


def task_run_of(run: runs.TaskRun) -> TaskRun:
    """Give a task run of the API with its `State`."""
    return TaskRun.model_validate(dict(run))


def log_of(record: runs.LogRecord) -> Log:
    """Give a log line of the API with its other names."""
    return Log.model_construct(record.model_fields_set, **dict(record))


def _between(start: datetime | None, end: datetime | None) -> timedelta:
    return timedelta(0) if start is None else (end or utc_now()) - start
