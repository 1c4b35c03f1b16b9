"""Work pools, work queues, agents, and how agents hear of work and claim it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from alisio.contract.base import Answer, JsonObject, Name, Request, Timestamp

DEFAULT_QUEUE = "default"
Limit = Annotated[int, Field(ge=0, le=1_000_000)]
Priority = Annotated[int, Field(ge=1, le=1_000_000)]
"""1 is served first."""


class WorkPoolType(StrEnum):
    """What an agent starts for a run of the pool."""

    PROCESS = "process"


class WorkPoolCreate(Request):
    """Body of `POST /api/work-pools`. The pool comes with a queue named `default`."""

    name: Name
    type: WorkPoolType = WorkPoolType.PROCESS
    description: Annotated[str, Field(max_length=10_000)] | None = None
    concurrency_limit: Limit | None = None
    job_variables: JsonObject = Field(default_factory=dict)


class WorkPoolPatch(Request):
    """Body of `PATCH /api/work-pools/{name}`: the fields that are given change; null takes a limit away."""

    description: Annotated[str, Field(max_length=10_000)] | None = None
    concurrency_limit: Limit | None = None
    job_variables: JsonObject | None = None
    paused: bool | None = None


class WorkPoolStatus(StrEnum):
    """Whether a pool's runs would start."""

    READY = "ready"
    NOT_READY = "not_ready"
    """No agent was heard of in the last minute."""
    PAUSED = "paused"


class WorkPool(Answer):
    """A work pool. `slots_in_use` counts its runs that are claimed or running."""

    id: UUID
    name: str
    type: WorkPoolType
    description: str | None = None
    paused: bool
    concurrency_limit: int | None = None
    slots_in_use: int = 0
    job_variables: JsonObject = Field(default_factory=dict)
    start_timeout_seconds: float
    status: WorkPoolStatus
    created: Timestamp


class WorkQueueCreate(Request):
    """Body of `POST /api/work-pools/{pool}/queues`."""

    name: Name
    priority: Priority = 100
    concurrency_limit: Limit | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None


class WorkQueuePatch(Request):
    """Body of `PATCH /api/work-pools/{pool}/queues/{name}`: the given fields change; null takes a limit away."""

    priority: Priority | None = None
    concurrency_limit: Limit | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None
    paused: bool | None = None


class WorkQueue(Answer):
    """A work queue. `late` counts its runs that are overdue."""

    id: UUID
    name: str
    work_pool_name: str
    priority: int
    paused: bool
    concurrency_limit: int | None = None
    slots_in_use: int = 0
    late: int = 0
    description: str | None = None
    created: Timestamp


class Holding(Request):
    """A claimed run whose executor has not yet reported."""

    flow_run_id: UUID
    attempt: Annotated[int, Field(ge=1)]


class AgentBeat(Request):
    """Body of `PUT /api/agents/{id}`: the agent lives, and renews the leases of all its PENDING runs.

    Attributes:
        queues: The queues it serves; None: all of the pool.
        limit: How many runs at once; None: as many as come.
        holding: The claimed runs whose leases are the agent's to renew.
        returned: The claimed runs that it will not start. They go to other agents at once.
        stopping: It is going: it claims no more.
    """

    name: Name
    work_pool_name: Name
    queues: list[Name] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    host: Annotated[str, Field(max_length=300)]
    pid: int
    version: Annotated[str, Field(max_length=50)]
    holding: list[Holding] = Field(default_factory=list, max_length=1_000)
    returned: list[Holding] = Field(default_factory=list, max_length=1_000)
    stopping: bool = False


class BeatAnswer(Answer):
    """Answer to a beat.

    Attributes:
        lost: Of the runs it named, those it holds no longer: their lease has ended, they were cancelled, or
            their supervisor has taken over. A starter that is still waiting for one of them is to stop.
        lease_seconds: How long the renewed leases last.
    """

    lost: list[UUID] = Field(default_factory=list)
    lease_seconds: float


class AgentStatus(StrEnum):
    """Whether an agent is there."""

    ONLINE = "online"
    OFFLINE = "offline"
    """Not heard of for a minute, or it said that it goes."""


class Agent(Answer):
    """An agent, as it last told of itself."""

    id: UUID
    name: str
    work_pool_name: str
    queues: list[str] | None = None
    limit: int | None = None
    host: str
    pid: int
    version: str
    status: AgentStatus
    first_seen: Timestamp
    last_seen: Timestamp


class ClaimRequest(Request):
    """Body of `POST /api/work-pools/{name}/claims`.

    Attributes:
        claim_id: Chosen by the agent; the same id gives the same jobs again, so a lost answer strands nothing.
        queues: Only these; None: all of the pool.
        slots: How many runs it can take.
    """

    claim_id: UUID
    agent_id: UUID
    queues: list[Name] | None = None
    slots: Annotated[int, Field(ge=1, le=100)] = 1


class BundleRef(Answer):
    """Where a job's code lies.

    Attributes:
        url: Absolute, or a path of this API that begins with `/api/`.
    """

    sha256: str
    size: int
    url: str


class Job(Answer):
    """All that is needed to execute one attempt of a flow run.

    Attributes:
        retries_used: How many of the run's retries its attempts have used so far.
        due: It may lie up to two seconds ahead; the agent waits that out.
        scheduled_start_time: What it stands for: the time of its schedule, else when it is due.
        start_timeout_seconds: How long the agent may keep it PENDING.
    """

    flow_run_id: UUID
    attempt: int
    retries_used: int = 0
    flow_run_name: str
    flow_id: UUID
    flow_name: str
    deployment_id: UUID
    deployment_name: str
    work_pool_name: str
    work_queue_name: str
    entrypoint: str
    bundle: BundleRef | None = None
    path: str | None = None
    parameters: JsonObject = Field(default_factory=dict)
    job_variables: JsonObject = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    due: Timestamp
    scheduled_start_time: Timestamp
    lease_seconds: float
    start_timeout_seconds: float


class ClaimAnswer(Answer):
    """The jobs that are now the agent's; possibly none."""

    jobs: list[Job]


class StartFailure(Request):
    """Body of `POST /api/flow-runs/{id}/start-failures`: the agent could not start a run it claimed.

    Attributes:
        final: It never will (no such image): the run is CRASHED. Else it goes back to SCHEDULED, using no retry.
    """

    attempt: Annotated[int, Field(ge=1)]
    agent_id: UUID
    message: Annotated[str, Field(min_length=1, max_length=10_000)]
    final: bool


class WakeUpWait(Request):
    """Body of `POST /api/work-pools/{name}/wake-ups`, the long poll of a laptop's agent.

    Attributes:
        after: The `sequence` of the last answer; 0 at first. If something rang since, the answer comes at once.
        timeout_seconds: How long to wait for a wake-up.
    """

    queues: list[Name] | None = None
    after: Annotated[int, Field(ge=0)] = 0
    timeout_seconds: Annotated[float, Field(ge=0, le=60)] = 30


class WakeUpAnswer(Answer):
    """Whether there may be work. `sequence` only grows, also across restarts of the server."""

    rang: bool
    sequence: int


class WakeUpKind(StrEnum):
    """How the agents of a server hear of work."""

    LONG_POLL = "long-poll"
    """They ask it, by `POST /api/work-pools/{name}/wake-ups`."""
    SQS = "sqs"
    """They receive from a queue of Amazon SQS for each work queue."""


class QueueCredentials(Answer):
    """Credentials of the cloud, with which an agent receives from some queues of its pool and does nothing else."""

    access_key_id: str
    secret_access_key: str = Field(repr=False)
    session_token: str = Field(repr=False)
    expires: Timestamp


class WakeUpQueue(Answer):
    """Where the wake-ups of a work queue are received.

    Attributes:
        credentials: What to receive with, for at least a quarter of an hour; None: what the agent has itself.
    """

    work_queue_name: str
    url: str
    region: str
    credentials: QueueCredentials | None = None


class WakeUpSource(Answer):
    """Answer of `GET /api/work-pools/{name}/wake-ups`: how, and where, agents of the pool hear of work.

    Attributes:
        queues: One for each work queue of the pool; none where agents ask by long polls.
    """

    kind: WakeUpKind
    queues: list[WakeUpQueue]
