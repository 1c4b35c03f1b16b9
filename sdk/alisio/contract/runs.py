"""Flow runs, task runs and their logs, as the API shows and takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, BoundedObject, Count, JsonObject, Name, PageRequest, Request, Tag, Timestamp
from alisio.contract.state_record import StateRecord
from alisio.contract.states import StateType

MAX_AWAITED = 1_000
"""For how many other runs a new one can be asked to wait."""


class Flow(Answer):
    """A flow: what runs of the same name have in common."""

    id: UUID
    name: Name
    created: Timestamp


class FlowRun(Answer):
    """One run of a flow.

    Attributes:
        attempt: 0 before its first claim; then 1, 2, 3 …, the fencing token of its executor.
        due: When it is to start, or was.
        occurrence: For a run that a schedule made: the instant it stands for. It never changes, `due` may.
        lease_until: Until when its executor is known to be alive, by the database's clock.
        parent_flow_run_id: For a subflow, the run that called it.
        root_flow_run_id: The run at the top of its tree; its own id where it is that run.
        infrastructure: What runs it, such as `process:host-1:4242`.
        created_by: `schedule`, `backfill`, `api`, or `script`.
    """

    id: UUID
    name: str
    flow_id: UUID
    flow_name: str
    flow_version: str | None = None
    state: StateRecord
    due: Timestamp
    attempt: int
    deployment_id: UUID | None = None
    deployment_name: str | None = None
    schedule_slug: str | None = None
    occurrence: Timestamp | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    parameters: JsonObject = Field(default_factory=dict)
    job_variables: JsonObject = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    retries: int = 0
    parent_flow_run_id: UUID | None = None
    root_flow_run_id: UUID
    agent_id: UUID | None = None
    lease_until: Timestamp | None = None
    infrastructure: str | None = None
    idempotency_key: str | None = None
    created_by: str
    created: Timestamp
    updated: Timestamp
    started: Timestamp | None = None
    ended: Timestamp | None = None


class FlowRunCreate(Request):
    """Ask for a run of a deployment (`POST /api/deployments/{id}/runs`).

    Attributes:
        parameters: Laid over the deployment's own; checked against its parameter schema.
        due: When to start; at once where it is not given.
        idempotency_key: The same key for the same deployment gives back the first run.
        work_queue_name: Another queue of the deployment's pool.
        parent_flow_run_id: The run whose subflow it is to be: it is cancelled with that one.
        after: Runs of deployments that must have ended first, however they end: until then it is suspended.
    """

    parameters: BoundedObject = Field(default_factory=dict)
    name: Name | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    job_variables: BoundedObject = Field(default_factory=dict)
    due: Timestamp | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    work_queue_name: Name | None = None
    parent_flow_run_id: UUID | None = None
    after: list[UUID] = Field(default_factory=list, max_length=MAX_AWAITED)


class FlowRunSort(StrEnum):
    """Orders of flow runs; ties are broken by id, so pages never skip or repeat a row."""

    CREATED_DESC = "created_desc"
    CREATED_ASC = "created_asc"
    DUE_DESC = "due_desc"
    DUE_ASC = "due_asc"
    START_DESC = "start_desc"
    """By when they began; those that have not stand where they are due."""
    START_ASC = "start_asc"
    ENDED_DESC = "ended_desc"
    """Of those that have ended; the others are not listed."""


class FlowRunFilter(Request):
    """Which flow runs. Fields narrow each other; a list means "any of these", but `tags` "all of these"."""

    ids: list[UUID] | None = Field(default=None, max_length=200)
    names: list[str] | None = Field(default=None, max_length=200)
    name_contains: str | None = Field(default=None, max_length=200)
    flow_ids: list[UUID] | None = Field(default=None, max_length=200)
    flow_names: list[str] | None = Field(default=None, max_length=200)
    deployment_ids: list[UUID] | None = Field(default=None, max_length=200)
    deployment_names: list[str] | None = Field(default=None, max_length=200)
    deployment_name_contains: str | None = Field(default=None, max_length=200)
    work_pool_names: list[str] | None = Field(default=None, max_length=200)
    work_queue_names: list[str] | None = Field(default=None, max_length=200)
    state_types: list[StateType] | None = None
    state_names: list[str] | None = Field(default=None, max_length=200)
    tags: list[str] | None = Field(default=None, max_length=100)
    parent_flow_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    is_subflow: bool | None = None
    created_by: str | None = None
    due_after: Timestamp | None = None
    due_before: Timestamp | None = None
    created_after: Timestamp | None = None
    created_before: Timestamp | None = None
    started_after: Timestamp | None = None
    started_before: Timestamp | None = None
    ended_after: Timestamp | None = None
    ended_before: Timestamp | None = None


class FlowRunsDelete(Request):
    """Body of `POST /api/flow-runs/delete`: delete what matches, as far as one request goes.

    Attributes:
        limit: At most so many runs.
        dry_run: Only tell how many there are.
    """

    filter: FlowRunFilter = Field(default_factory=FlowRunFilter)
    limit: int = Field(default=100, ge=1, le=200)
    dry_run: bool = False


class FlowRunsDeleted(Answer):
    """What was deleted.

    Attributes:
        deleted: Runs that are gone, with their subflow runs, task runs and logs.
        cancelled: Runs of schedules that stay, as CANCELLED, so that no other run is made for their time.
        remaining: How many that match can still be deleted. Those that are claimed or running cannot.
    """

    deleted: int
    cancelled: int
    remaining: Count


class FlowRunQuery(PageRequest):
    """Body of `POST /api/flow-runs/filter`."""

    filter: FlowRunFilter = Field(default_factory=FlowRunFilter)
    sort: FlowRunSort = FlowRunSort.CREATED_DESC


class TaskRun(Answer):
    """One run of a task.

    Attributes:
        task_key: Which task: module and qualified name.
        index: Its place among the runs of the same task in its flow run and attempt, from 0.
        inputs: For each parameter, the task runs whose results were in its argument; `wait_for` is one of them.
        states: Its history, oldest first; the last one is `state`.
    """

    id: UUID
    flow_run_id: UUID
    attempt: int
    task_key: str
    name: str
    index: int
    tags: list[str] = Field(default_factory=list)
    inputs: dict[str, list[UUID]] = Field(default_factory=dict)
    state: StateRecord
    states: list[StateRecord]
    started: Timestamp | None = None
    ended: Timestamp | None = None


class TaskRunSort(StrEnum):
    """Orders of task runs; ties are broken by id."""

    CREATED_ASC = "created_asc"
    CREATED_DESC = "created_desc"


class TaskRunFilter(Request):
    """Which task runs."""

    ids: list[UUID] | None = Field(default=None, max_length=200)
    flow_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    names: list[str] | None = Field(default=None, max_length=200)
    task_keys: list[str] | None = Field(default=None, max_length=200)
    state_types: list[StateType] | None = None
    state_names: list[str] | None = Field(default=None, max_length=200)
    tags: list[str] | None = Field(default=None, max_length=100)


class TaskRunQuery(PageRequest):
    """Body of `POST /api/task-runs/filter`."""

    filter: TaskRunFilter = Field(default_factory=TaskRunFilter)
    sort: TaskRunSort = TaskRunSort.CREATED_ASC


class LogRecord(Answer):
    """One stored log line. `level` is the logging module's number: 20 is INFO."""

    id: int
    flow_run_id: UUID
    task_run_id: UUID | None = None
    attempt: int
    timestamp: Timestamp
    level: int
    logger: str
    message: str


class LogFilter(Request):
    """Which log lines."""

    flow_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    task_run_ids: list[UUID] | None = Field(default=None, max_length=200)
    level_at_least: int | None = Field(default=None, ge=0, le=100)
    message_contains: str | None = Field(default=None, max_length=200)
    after: Timestamp | None = None
    before: Timestamp | None = None


class LogQuery(PageRequest):
    """Body of `POST /api/logs/filter`. Lines come in the order in which the server stored them.

    Give the last page's `next_cursor` again to follow a run: where `follow` is true it is never None, so the
    lines that came since are the next page.
    """

    filter: LogFilter = Field(default_factory=LogFilter)
    follow: bool = False
    limit: int = Field(default=200, ge=1, le=1000)
