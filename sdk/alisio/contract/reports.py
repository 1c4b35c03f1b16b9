"""The report: the one idempotent batch by which an executor tells the server what happened.

Limits (the sender keeps them, the server refuses what passes them): 1 MB gzipped, 4 MB unpacked, 1,000 rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, JsonObject, Name, Request, Tag, Timestamp
from alisio.contract.state_record import StateRecord

MAX_REPORT_ROWS = 1_000
MAX_REPORT_BYTES = 4_000_000
MAX_REPORT_GZIP_BYTES = 1_000_000
GZIPPED_JSON = "application/json+gzip"
"""The content type of a JSON body that is gzipped. API Gateway reads what is called `application/json` as text, with
whatever encoding, and so spoils bytes that are none."""
MAX_LOG_MESSAGE = 100_000

States = Annotated[list[StateRecord], Field(max_length=1_000)]


class LogLine(Request):
    """A log line on its way to the server. `level` is the logging module's number."""

    timestamp: Timestamp
    level: Annotated[int, Field(ge=0, le=100)]
    logger: Annotated[str, Field(max_length=200)]
    message: Annotated[str, Field(max_length=MAX_LOG_MESSAGE)]
    flow_run_id: UUID | None = None
    """The subflow run it belongs to; None: the run that is reported on."""
    task_run_id: UUID | None = None


class TaskRunNews(Request):
    """All that is known of one task run. A later one of the same id replaces the earlier, history and all."""

    id: UUID
    flow_run_id: UUID | None = None
    """The subflow run it belongs to; None: the run that is reported on."""
    task_key: Annotated[str, Field(max_length=500)]
    name: Annotated[str, Field(max_length=500)]
    index: Annotated[int, Field(ge=0)]
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    inputs: dict[str, list[UUID]] = Field(default_factory=dict)
    materializes: JsonObject | None = None
    """A `MaterializationNews` of `alisio.contract.news`, which is loaded only where there is one."""
    states: Annotated[States, Field(min_length=1)]


class SubflowNews(Request):
    """All that is known of one in-process subflow run. A later one of the same id replaces the earlier."""

    id: UUID
    parent_flow_run_id: UUID | None = None
    """The subflow run that called it; None: the run that is reported on."""
    flow_name: Name
    flow_version: Annotated[str, Field(max_length=200)] | None = None
    name: Annotated[str, Field(max_length=500)]
    parameters: JsonObject = Field(default_factory=dict)
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    retries: Annotated[int, Field(ge=0)] = 0
    states: Annotated[States, Field(min_length=1)]


class RunFacts(Request):
    """What the executor knows of the run it reports on.

    By hand the first report must carry `flow_name`: it creates the run. For a claimed run it tells what only
    the code knows: the run's name from its template, the flow's retries.
    """

    flow_name: Name | None = None
    flow_version: Annotated[str, Field(max_length=200)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    parameters: JsonObject | None = None
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    retries: Annotated[int, Field(ge=0, le=1_000)] | None = None
    retry_delays: Annotated[list[Annotated[float, Field(ge=0)]], Field(max_length=1_000)] | None = None
    """Seconds before retry 1, 2, …; the last one serves for those beyond; empty: none."""
    infrastructure: Annotated[str, Field(max_length=500)] | None = None


class Origin(StrEnum):
    """Who reports."""

    SUPERVISOR = "supervisor"
    SCRIPT = "script"
    """A flow run by hand; its attempt is 1 and its run is created by its first report."""


class Report(Request):
    """Body of `POST /api/flow-runs/{id}/reports`.

    Attributes:
        attempt: The fencing token. A stale one is refused with 409 `stale_attempt`.
        sequence: 1, 2, 3 … within the attempt. One already applied is a no-op that gets the present answer;
            one that skips a number is refused with 409 `report_out_of_order`.
        states: States of the run itself since the last report, oldest first.
        artifacts: Each an `ArtifactNews` of `alisio.contract.news`, which is loaded only where there is one.
        events: Likewise, each an `EventNews`.
        dropped_logs: How many log lines the sender let go since the last report, for want of room.
    """

    attempt: Annotated[int, Field(ge=1)]
    sequence: Annotated[int, Field(ge=1)]
    origin: Origin
    facts: RunFacts | None = None
    states: States = Field(default_factory=list)
    subflows: list[SubflowNews] = Field(default_factory=list, max_length=MAX_REPORT_ROWS)
    task_runs: list[TaskRunNews] = Field(default_factory=list, max_length=MAX_REPORT_ROWS)
    artifacts: list[JsonObject] = Field(default_factory=list, max_length=MAX_REPORT_ROWS)
    events: list[JsonObject] = Field(default_factory=list, max_length=MAX_REPORT_ROWS)
    logs: list[LogLine] = Field(default_factory=list, max_length=MAX_REPORT_ROWS)
    dropped_logs: Annotated[int, Field(ge=0)] = 0


class DirectiveKind(StrEnum):
    """What the server can ask of an executor."""

    CANCEL = "cancel"
    """Stop the run; then report CANCELLED."""
    PAUSE = "pause"
    """Let the run pause at its next task; it asks for that as for a pause of its own."""
    SUSPEND = "suspend"
    """Likewise, and report PAUSED, named Suspended, as the last state of the attempt."""
    RETRY = "retry"
    """Run the flow again in a new child after `delay_seconds`, reporting as `attempt` from sequence 1."""


class Directive(Answer):
    """Something the executor is asked to do."""

    kind: DirectiveKind
    attempt: int | None = None
    delay_seconds: float | None = None


class ReportAnswer(Answer):
    """Answer to a report: where the run stands, and what to do.

    Attributes:
        sequence: The last report that is applied.
        state: The run's state now. An executor whose run is terminal or SCHEDULED, and that has no directive,
            is done.
        lease_seconds: How long the lease lasts from now; send the next report well before.
        limited_tags: The tags with a limit: a task that has one of them takes a slot of it before it runs.
    """

    sequence: int
    state: StateRecord
    lease_seconds: float
    directives: list[Directive] = Field(default_factory=list)
    limited_tags: list[str] = Field(default_factory=list)
