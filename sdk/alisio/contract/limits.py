"""Named limits of concurrency and rate, and the slots that are taken from them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, Name, Request, Timestamp

MIN_LEASE_SECONDS = 60.0
MAX_LEASE_SECONDS = 86_400.0
SILENT_RUN_SECONDS = 60.0
"""How long after the end of its lease a run that fell silent still holds its named slots: it may be alive."""

Slots = Annotated[int, Field(ge=0, le=1_000_000)]
Decay = Annotated[float, Field(ge=0, le=1_000_000)]
"""Slots a second."""


class ConcurrencyLimitStrategy(StrEnum):
    """What becomes of a deployment's run that is due while as many of its runs are executed as may be."""

    ENQUEUE = "ENQUEUE"
    """It waits."""
    CANCEL_NEW = "CANCEL_NEW"
    """It is cancelled."""


class ConcurrencyLimitConfig(Request):
    """How many runs of a deployment may be executed at once.

    Attributes:
        limit: As many.
        collision_strategy: What becomes of those beyond it.
        grace_period_seconds: How long a claimed run holds its slot before it has begun; where it is not given, the
            time that its work pool has for that.
    """

    limit: Annotated[int, Field(ge=1, le=1_000_000)]
    collision_strategy: ConcurrencyLimitStrategy = ConcurrencyLimitStrategy.ENQUEUE
    grace_period_seconds: Annotated[int, Field(ge=60, le=86_400)] | None = None

    def to_spec(self) -> dict[str, Any]:
        """Say it in the words of `DeploymentSpec`."""
        options = self.model_dump(exclude={"limit"}, exclude_none=True)
        return {"concurrency_limit": self.limit, **options}


class ConcurrencyLimitCreate(Request):
    """Body of `POST /api/concurrency-limits`.

    Attributes:
        name: Of its own; `tag:` and a tag limits the tasks that have this tag.
        limit: How many slots there are.
        active: Whether it holds; where it does not, nobody waits and no slot is taken.
        slot_decay_per_second: How many slots come back a second. 0: none, they are given back by who has taken them.
            More: it is a limit of rate, and its slots come back in this way alone.
    """

    name: Name
    limit: Slots
    active: bool = True
    slot_decay_per_second: Decay = 0.0


class ConcurrencyLimitPatch(Request):
    """Body of `PATCH /api/concurrency-limits/{name}`: the fields that are given change."""

    name: Name | None = None
    limit: Slots | None = None
    active: bool | None = None
    slot_decay_per_second: Decay | None = None


class HolderType(StrEnum):
    """What holds slots."""

    FLOW_RUN = "flow_run"
    TASK_RUN = "task_run"
    DEPLOYMENT = "deployment"


class SlotHolder(Request):
    """Who holds slots, for people to read."""

    type: HolderType
    id: UUID


class HeldSlots(Answer):
    """Slots that are held.

    Attributes:
        lease_id: The lease they go with.
        slots: How many.
        holder: Who, where that was said.
        flow_run_id: The run on whose lease they live; None: a lease of their own.
        since: When they were taken.
    """

    lease_id: UUID
    slots: int
    holder: SlotHolder | None = None
    flow_run_id: UUID | None = None
    since: Timestamp


class ConcurrencyLimit(Answer):
    """A named limit.

    Attributes:
        active_slots: How many slots are taken now; of a limit of rate those that have not come back yet.
        held: Who has them, the first hundred; only where one limit is read.
    """

    id: UUID
    name: str
    limit: int
    active: bool
    slot_decay_per_second: float
    active_slots: int
    held: list[HeldSlots] = Field(default_factory=list)
    created: Timestamp
    updated: Timestamp


class SlotMode(StrEnum):
    """What slots are taken for."""

    CONCURRENCY = "concurrency"
    """To be held for as long as something takes."""
    RATE_LIMIT = "rate_limit"
    """Only to begin something; every limit must have a slot decay."""


class SlotRequest(Request):
    """Body of `PUT /api/concurrency-leases/{id}`: take slots of all of these limits, or none.

    Attributes:
        names: The limits.
        slots: How many of each.
        lease_seconds: How long they are held after the last sign of life. It counts outside of runs alone.
        flow_run_id: The root run on whose lease they live; None: they have a lease of their own.
        attempt: Which attempt of that run.
        holder: Who takes them.
    """

    names: Annotated[list[Name], Field(min_length=1, max_length=100)]
    slots: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    mode: SlotMode = SlotMode.CONCURRENCY
    lease_seconds: Annotated[float, Field(ge=MIN_LEASE_SECONDS, le=MAX_LEASE_SECONDS)] = 300.0
    flow_run_id: UUID | None = None
    attempt: Annotated[int, Field(ge=1)] | None = None
    holder: SlotHolder | None = None


class SlotAnswer(Answer):
    """Whether slots were taken.

    Attributes:
        granted: They were, or none need to be. Else the same request is to come again after `delay_seconds`; until
            then its place in the queue is kept.
        held: There is something to be given back.
        missing: The names for which there is no limit.
        free_slots: How many are left of the limit that has the fewest.
    """

    granted: bool
    held: bool = False
    missing: list[str] = Field(default_factory=list)
    delay_seconds: float = 0.0
    free_slots: int = 0


class LeaseAnswer(Answer):
    """For how many seconds from now slots are held."""

    lease_seconds: float
