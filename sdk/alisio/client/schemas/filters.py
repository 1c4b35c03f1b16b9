"""Filters as users of Prefect write them: an object or a mapping, with criteria that have operators.

    FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=["RUNNING"])))
    {"state": {"type": {"any_": ["RUNNING"]}}}

Criteria narrow each other. Every criterion takes every operator; the client says in one line which of them the API
cannot filter by, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import ConfigDict

from alisio.client.schemas.one_line import ToldInOneLine

V = TypeVar("V")


class Criterion(ToldInOneLine, Generic[V]):
    """What a field must be.

    Attributes:
        any_: One of these.
        not_any_: None of these.
        all_: A list with all of these in it.
        eq_: Just this.
        like_: A text with this in it, in small or capital letters.
        is_null_: Whether it is missing.
        before_: Before this time.
        after_: At this time or after.
        ge_: This or more.
    """

    model_config = ConfigDict(extra="forbid")

    any_: Sequence[V] | None = None
    not_any_: Sequence[V] | None = None
    all_: Sequence[V] | None = None
    eq_: V | None = None
    like_: str | None = None
    is_null_: bool | None = None
    before_: datetime | None = None
    after_: datetime | None = None
    ge_: V | None = None


class Filter(ToldInOneLine):
    """Which objects of a kind."""

    model_config = ConfigDict(extra="forbid")

    operator: Literal["and_", "or_"] = "and_"


class FlowFilterId(Criterion[UUID]):
    """The `id` of a flow."""


class FlowFilterName(Criterion[str]):
    """The `name` of a flow."""


class FlowFilter(Filter):
    """Which flows."""

    id: FlowFilterId | None = None
    name: FlowFilterName | None = None


class FlowRunFilterId(Criterion[UUID]):
    """The `id` of a flow run."""


class FlowRunFilterName(Criterion[str]):
    """The `name` of a flow run."""


class FlowRunFilterTags(Criterion[str]):
    """The `tags` of a flow run."""


class FlowRunFilterFlowId(Criterion[UUID]):
    """The `flow_id` of a flow run."""


class FlowRunFilterDeploymentId(Criterion[UUID]):
    """The `deployment_id` of a flow run."""


class FlowRunFilterWorkQueueName(Criterion[str]):
    """The `work_queue_name` of a flow run."""


class FlowRunFilterStateType(Criterion[str]):
    """The type of the state that a flow run is in."""


class FlowRunFilterStateName(Criterion[str]):
    """The name of the state that a flow run is in."""


class FlowRunFilterState(ToldInOneLine):
    """The state that a flow run is in."""

    model_config = ConfigDict(extra="forbid")

    type: FlowRunFilterStateType | None = None
    name: FlowRunFilterStateName | None = None


class FlowRunFilterExpectedStartTime(Criterion[datetime]):
    """The `expected_start_time` of a flow run."""


class FlowRunFilterStartTime(Criterion[datetime]):
    """The `start_time` of a flow run; one that has not begun has none."""


class FlowRunFilterEndTime(Criterion[datetime]):
    """The `end_time` of a flow run; one that has not ended has none."""


class FlowRunFilterCreated(Criterion[datetime]):
    """The `created` of a flow run."""


class FlowRunFilterParentFlowRunId(Criterion[UUID]):
    """The `parent_flow_run_id` of a flow run."""


class FlowRunFilter(Filter):
    """Which flow runs."""

    id: FlowRunFilterId | None = None
    name: FlowRunFilterName | None = None
    tags: FlowRunFilterTags | None = None
    flow_id: FlowRunFilterFlowId | None = None
    deployment_id: FlowRunFilterDeploymentId | None = None
    work_queue_name: FlowRunFilterWorkQueueName | None = None
    state: FlowRunFilterState | None = None
    expected_start_time: FlowRunFilterExpectedStartTime | None = None
    start_time: FlowRunFilterStartTime | None = None
    end_time: FlowRunFilterEndTime | None = None
    created: FlowRunFilterCreated | None = None
    parent_flow_run_id: FlowRunFilterParentFlowRunId | None = None


class TaskRunFilterId(Criterion[UUID]):
    """The `id` of a task run."""


class TaskRunFilterName(Criterion[str]):
    """The `name` of a task run."""


class TaskRunFilterTags(Criterion[str]):
    """The `tags` of a task run."""


class TaskRunFilterFlowRunId(Criterion[UUID]):
    """The `flow_run_id` of a task run."""


class TaskRunFilterStateType(Criterion[str]):
    """The type of the state that a task run is in."""


class TaskRunFilterStateName(Criterion[str]):
    """The name of the state that a task run is in."""


class TaskRunFilterState(ToldInOneLine):
    """The state that a task run is in."""

    model_config = ConfigDict(extra="forbid")

    type: TaskRunFilterStateType | None = None
    name: TaskRunFilterStateName | None = None


class TaskRunFilter(Filter):
    """Which task runs."""

    id: TaskRunFilterId | None = None
    name: TaskRunFilterName | None = None
    tags: TaskRunFilterTags | None = None
    flow_run_id: TaskRunFilterFlowRunId | None = None
    state: TaskRunFilterState | None = None


class DeploymentFilterId(Criterion[UUID]):
    """The `id` of a deployment."""


class DeploymentFilterName(Criterion[str]):
    """The `name` of a deployment."""


class DeploymentFilterTags(Criterion[str]):
    """The `tags` of a deployment."""


class DeploymentFilterPaused(Criterion[bool]):
    """The `paused` of a deployment."""


class DeploymentFilter(Filter):
    """Which deployments."""

    id: DeploymentFilterId | None = None
    name: DeploymentFilterName | None = None
    tags: DeploymentFilterTags | None = None
    paused: DeploymentFilterPaused | None = None


class WorkPoolFilterId(Criterion[UUID]):
    """The `id` of a work pool."""


class WorkPoolFilterName(Criterion[str]):
    """The `name` of a work pool."""


class WorkPoolFilterType(Criterion[str]):
    """The `type` of a work pool."""


class WorkPoolFilter(Filter):
    """Which work pools."""

    id: WorkPoolFilterId | None = None
    name: WorkPoolFilterName | None = None
    type: WorkPoolFilterType | None = None


class WorkQueueFilterName(Criterion[str]):
    """The `name` of a work queue."""


class WorkQueueFilter(Filter):
    """Which work queues."""

    name: WorkQueueFilterName | None = None


class LogFilterFlowRunId(Criterion[UUID]):
    """The `flow_run_id` of a log line."""


class LogFilterTaskRunId(Criterion[UUID]):
    """The `task_run_id` of a log line."""


class LogFilterLevel(Criterion[int]):
    """The `level` of a log line."""


class LogFilterTimestamp(Criterion[datetime]):
    """The `timestamp` of a log line."""


class LogFilterMessage(Criterion[str]):
    """The `message` of a log line."""


class LogFilter(Filter):
    """Which log lines."""

    flow_run_id: LogFilterFlowRunId | None = None
    task_run_id: LogFilterTaskRunId | None = None
    level: LogFilterLevel | None = None
    timestamp: LogFilterTimestamp | None = None
    message: LogFilterMessage | None = None


class ArtifactFilterId(Criterion[UUID]):
    """The `id` of an artifact."""


class ArtifactFilterKey(Criterion[str]):
    """The `key` of an artifact."""


class ArtifactFilterType(Criterion[str]):
    """The `type` of an artifact."""


class ArtifactFilterFlowRunId(Criterion[UUID]):
    """The `flow_run_id` of an artifact."""


class ArtifactFilterTaskRunId(Criterion[UUID]):
    """The `task_run_id` of an artifact."""


class ArtifactFilter(Filter):
    """Which artifacts."""

    id: ArtifactFilterId | None = None
    key: ArtifactFilterKey | None = None
    type: ArtifactFilterType | None = None
    flow_run_id: ArtifactFilterFlowRunId | None = None
    task_run_id: ArtifactFilterTaskRunId | None = None


class VariableFilterName(Criterion[str]):
    """The `name` of a variable."""


class VariableFilterTags(Criterion[str]):
    """The `tags` of a variable."""


class VariableFilter(Filter):
    """Which variables."""

    name: VariableFilterName | None = None
    tags: VariableFilterTags | None = None
