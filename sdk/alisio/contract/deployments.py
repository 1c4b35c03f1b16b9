"""Deployments, their schedules and their bundles."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from alisio.contract.base import Answer, BoundedObject, JsonObject, Name, PageRequest, Request, Tag, Timestamp
from alisio.contract.limits import ConcurrencyLimitStrategy
from alisio.contract.overlap import Overlap

MAX_BUNDLE_BYTES = 500_000_000
"""What a bundle may hold, packed or not."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class CatchUp(StrEnum):
    """Which of the times missed while no tick ran get a run."""

    LATEST = "latest"
    NONE = "none"
    ALL = "all"


class ScheduleSpec(Request):
    """When a deployment runs. Exactly one of `cron`, `interval_seconds`, `rrule` and `at` is given.

    Attributes:
        slug: Its name within the deployment, part of the identity of the runs it makes; derived from the rule
            where it is not given.
        cron: Five fields, as Vixie cron reads them.
        interval_seconds: Seconds between runs. Whole days are counted by the wall clock of `timezone`.
        anchor: The instant from which intervals are counted; 1970-01-01 in `timezone` where it is not given.
        rrule: A recurrence rule of RFC 5545, with or without a DTSTART line.
        at: One single instant.
        timezone: An IANA name. Cron fields and rules are read as wall times there.
        parameters: Laid over the deployment's own for the runs of this schedule.
        overlap: What becomes of a run that falls due while an earlier one has not ended.
    """

    slug: Slug | None = None
    cron: Annotated[str, Field(max_length=200)] | None = None
    interval_seconds: Annotated[float, Field(ge=1, le=10 * 365 * 86_400)] | None = None
    anchor: Timestamp | None = None
    rrule: Annotated[str, Field(max_length=2_000)] | None = None
    at: Timestamp | None = None
    timezone: Annotated[str, Field(max_length=100)] = "UTC"
    active: bool = True
    parameters: BoundedObject = Field(default_factory=dict)
    catch_up: CatchUp = CatchUp.LATEST
    overlap: Overlap = Overlap.ALLOW

    @model_validator(mode="after")
    def _one_rule(self) -> ScheduleSpec:
        given = [rule for rule in (self.cron, self.interval_seconds, self.rrule, self.at) if rule is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of cron, interval_seconds, rrule and at")
        if self.anchor is not None and self.interval_seconds is None:
            raise ValueError("anchor goes with interval_seconds only")
        return self


class Schedule(ScheduleSpec):
    """A stored schedule.

    Attributes:
        materialised_until: Times up to this instant have their runs; the watermark.
        next_due: The next time it falls due, or None when it is paused or over.
    """

    id: UUID
    deployment_id: UUID
    slug: Slug
    materialised_until: Timestamp
    next_due: Timestamp | None = None


class SchedulePatch(Request):
    """Body of `PATCH /api/deployments/{id}/schedules/{slug}`."""

    active: bool


MAX_BACKFILL = 1_000
"""How many times of a schedule one backfill deals with."""


class BackfillRequest(Request):
    """Body of `POST /api/deployments/{id}/backfills`: make the runs of times that have passed.

    Attributes:
        schedule: Whose times; it may be left out where the deployment has one schedule.
        start: The first time that counts.
        end: The last time that counts; now where it is not given.
        dry_run: Only tell what would be made.
    """

    schedule: Slug | None = None
    start: Timestamp
    end: Timestamp | None = None
    dry_run: bool = False


class BackfillTime(Answer):
    """A time of a schedule. `flow_run_id` is the run that it had before; None where it had none."""

    time: Timestamp
    flow_run_id: UUID | None = None


class BackfillAnswer(Answer):
    """The times that a backfill deals with, ascending, and how many runs it made."""

    schedule: str
    times: list[BackfillTime]
    created: int


class DeploymentSpec(Request):
    """Body of `POST /api/deployments`: create the deployment, or make the one of the same name like this.

    Attributes:
        entrypoint: `path/to/file.py:function`, relative to the bundle's root (or to `path`).
        bundle: The sha256 of an uploaded bundle.
        path: Where the code lies on the agent's machine, where there is no bundle.
        parameter_schema: JSON Schema (draft 2020-12) of the flow's parameters.
        enforce_parameter_schema: Refuse runs whose parameters do not fit it.
        retries: The flow's own, so that a crash before the code is read is retried too.
        schedules: The whole list; a schedule that is not in it is removed. None leaves them as they are.
        concurrency_limit: How many of its runs are executed at once; None: as many as come.
        collision_strategy: What becomes of those beyond it; ENQUEUE where it is not given.
        grace_period_seconds: How long a claimed run may take to begin, in place of what its pool allows.
    """

    flow_name: Name
    name: Name
    entrypoint: Annotated[str, Field(min_length=1, max_length=500)]
    version: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    parameters: BoundedObject = Field(default_factory=dict)
    parameter_schema: BoundedObject = Field(default_factory=dict)
    enforce_parameter_schema: bool = True
    work_pool_name: Name
    work_queue_name: Name = "default"
    job_variables: BoundedObject = Field(default_factory=dict)
    bundle: Sha256 | None = None
    path: Annotated[str, Field(max_length=1_000)] | None = None
    retries: Annotated[int, Field(ge=0, le=1_000)] = 0
    retry_delays: Annotated[list[Annotated[float, Field(ge=0)]], Field(max_length=1_000)] = Field(default_factory=list)
    schedules: Annotated[list[ScheduleSpec], Field(max_length=100)] | None = None
    concurrency_limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    collision_strategy: ConcurrencyLimitStrategy | None = None
    grace_period_seconds: Annotated[int, Field(ge=60, le=86_400)] | None = None

    @model_validator(mode="after")
    def _limit_and_its_options(self) -> DeploymentSpec:
        if self.concurrency_limit is None and (self.collision_strategy or self.grace_period_seconds):
            raise ValueError("collision_strategy and grace_period_seconds go with concurrency_limit only")
        return self


class DeploymentPatch(Request):
    """Body of `PATCH /api/deployments/{id}`: the fields that are given change, and null empties what may be empty.

    Attributes:
        schedules: The whole list; a schedule that is not in it is removed.
        concurrency_limit: Null takes the limit away, with what else is said of it.
        paused: Whether its schedules rest.
    """

    version: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    parameters: BoundedObject | None = None
    parameter_schema: BoundedObject | None = None
    enforce_parameter_schema: bool | None = None
    entrypoint: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    path: Annotated[str, Field(max_length=1_000)] | None = None
    work_pool_name: Name | None = None
    work_queue_name: Name | None = None
    job_variables: BoundedObject | None = None
    schedules: Annotated[list[ScheduleSpec], Field(max_length=100)] | None = None
    concurrency_limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    collision_strategy: ConcurrencyLimitStrategy | None = None
    grace_period_seconds: Annotated[int, Field(ge=60, le=86_400)] | None = None
    paused: bool | None = None


class Deployment(Answer):
    """A flow made ready to run: its code, its defaults, where and when it runs."""

    id: UUID
    flow_id: UUID
    flow_name: str
    name: str
    entrypoint: str
    version: str | None = None
    description: str | None = None
    tags: list[str] = Field(default_factory=list)
    parameters: JsonObject = Field(default_factory=dict)
    parameter_schema: JsonObject = Field(default_factory=dict)
    enforce_parameter_schema: bool = True
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: JsonObject = Field(default_factory=dict)
    bundle: str | None = None
    path: str | None = None
    retries: int = 0
    retry_delays: list[float] = Field(default_factory=list)
    paused: bool = False
    concurrency_limit: int | None = None
    collision_strategy: ConcurrencyLimitStrategy | None = None
    grace_period_seconds: int | None = None
    schedules: list[Schedule] = Field(default_factory=list)
    created: Timestamp
    updated: Timestamp


class DeploymentFilter(Request):
    """Which deployments."""

    ids: list[UUID] | None = Field(default=None, max_length=200)
    names: list[str] | None = Field(default=None, max_length=200)
    flow_names: list[str] | None = Field(default=None, max_length=200)
    work_pool_names: list[str] | None = Field(default=None, max_length=200)
    tags: list[str] | None = Field(default=None, max_length=100)
    paused: bool | None = None


class DeploymentQuery(PageRequest):
    """Body of `POST /api/deployments/filter`; sorted by flow name, then name."""

    filter: DeploymentFilter = Field(default_factory=DeploymentFilter)


class FlowFilter(Request):
    """Which flows."""

    ids: list[UUID] | None = Field(default=None, max_length=200)
    names: list[str] | None = Field(default=None, max_length=200)
    name_contains: str | None = Field(default=None, max_length=200)


class FlowQuery(PageRequest):
    """Body of `POST /api/flows/filter`; sorted by name."""

    filter: FlowFilter = Field(default_factory=FlowFilter)


class BundleAnnounce(Request):
    """Body of `POST /api/bundles`: "I have this archive; do you need it?"."""

    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=MAX_BUNDLE_BYTES)]


class Upload(Answer):
    """Where and how to send a bundle's bytes.

    Attributes:
        method: `PUT` with the archive as the body, or `POST` with `fields` and the archive as a form.
        url: Absolute, or a path of this API that begins with `/api/`.
    """

    method: str
    url: str
    fields: dict[str, str] = Field(default_factory=dict)


class BundleAnswer(Answer):
    """What the server knows of a bundle. `upload` is None when it has it already."""

    sha256: str
    size: int
    upload: Upload | None = None
