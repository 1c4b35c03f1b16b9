"""One call of a task's function on its way to a worker, with what its code may ask about its runs."""

from __future__ import annotations

import copy
import functools
import secrets
import sys
from collections import Counter
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from alisio.context import current_tags
from alisio.engine.effects import Invoke
from alisio.engine.limited_tags import LimitedTags
from alisio.engine.outbox import Outbox
from alisio.engine.remote.transfer import explained, pack, unpack
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import TransferError
from alisio.flows import Flow
from alisio.results.options import ResultRules
from alisio.tasks import Task

if TYPE_CHECKING:
    from alisio.assets import Asset

MAX_KNOWN_FLOW_RUNS = 8


class Job(NamedTuple):
    """What a worker is sent.

    Attributes:
        flow: About the flow run: the same bytes for all its jobs.
        task: About the task run.
        call: The function and its arguments.
    """

    flow: bytes
    task: bytes
    call: bytes


_SHOWN_OF_JOB = frozenset(
    {
        "deployment_id",
        "deployment_name",
        "flow_id",
        "job_variables",
        "parameters",
        "work_pool_name",
        "work_queue_name",
    }
)


class FlowFacts(NamedTuple):
    """What a worker knows of the flow run, and of those around it.

    Attributes:
        around: The ids of its parent and of its root, where it has a parent.
        attempt: Which attempt of the root run it belongs to, where a supervisor has started that; None: it is by hand.
        limited_tags: The tags with a limit, as far as its process has been told.
        settings: Those that are not left to their defaults.
        job: What the root run's job says of its deployment.
    """

    id: UUID
    name: str
    flow_name: str
    flow_version: str
    is_async: bool
    parameters: dict[str, Any]
    tags: list[str]
    run_count: int
    log_prints: bool
    scheduled_start_time: datetime
    identity: str | None
    results: ResultRules | None
    around: tuple[UUID, UUID] | None
    attempt: int | None
    limited_tags: list[str]
    settings: dict[str, str]
    job: dict[str, Any]


class TaskFacts(NamedTuple):
    """What a worker knows of the task run."""

    id: UUID
    name: str
    number: int
    task_name: str
    task_key: str
    tags: list[str]
    run_count: int
    log_prints: bool
    results: ResultRules | None
    tags_around: frozenset[str]
    timeout: float | None
    is_async: bool
    python: tuple[int, int]
    assets: tuple[Asset, ...]


def gathering(definition: Task[Any, Any]) -> Task[Any, Any]:
    """Make a task of one that yields: a worker sends all that it yields as one list."""
    function = definition.fn

    @functools.wraps(function)
    def gathered(*args: Any, **kwargs: Any) -> list[Any]:
        return list(function(*args, **kwargs))

    @functools.wraps(function)
    async def gathered_async(*args: Any, **kwargs: Any) -> list[Any]:
        return [value async for value in function(*args, **kwargs)]

    twin = copy.copy(definition)
    twin.fn = gathered_async if definition.is_async else gathered
    twin.is_generator = False
    return twin


def facts_within(run: TaskRun | FlowRun) -> bytes:
    """Pack what another process is to know of a run whose code it is called from, a flow's own code among it."""
    # Many processes may count the runs within it at once: each has a range of its own.
    return _packed_facts(_facts(run, secrets.randbelow(2**20), None))


def _facts(run: TaskRun | FlowRun, number: int, timeout: float | None) -> TaskFacts:
    definition = run.definition
    return TaskFacts(
        id=run.id,
        name=run.name,
        number=number,
        task_name=definition.name,
        task_key=definition.task_key if isinstance(definition, Task) else "",
        tags=run.tags,
        run_count=run.run_count,
        log_prints=run.log_prints,
        results=run.results,
        tags_around=current_tags.get(),
        timeout=timeout,
        is_async=definition.is_async,
        python=sys.version_info[:2],
        assets=definition.assets if isinstance(definition, Task) else (),
    )


def job_of(run: TaskRun, invoke: Invoke, flow: bytes) -> Job:
    """Make the job of one attempt of a task run.

    Raises:
        TransferError: The function, or an argument, cannot travel; the message says which, and what in it.
    """
    facts = _facts(run, run.index, invoke.timeout)
    try:
        call = pack((invoke.function, invoke.args, invoke.kwargs, run.parameters))
    except Exception as error:
        raise _not_sent(run, invoke, error) from error
    return Job(flow, _packed_facts(facts), call)


def facts_of(run: FlowRun, settings: dict[str, str]) -> bytes:
    """Pack what workers are to know of a flow run."""
    parent = run.parent
    facts = FlowFacts(
        id=run.id,
        name=run.name,
        flow_name=run.definition.name,
        flow_version=run.definition.version,
        is_async=run.definition.is_async,
        parameters=_parameters_that_travel(run),
        tags=run.tags,
        run_count=run.run_count,
        log_prints=run.log_prints,
        scheduled_start_time=run.scheduled_start_time,
        identity=run.identity,
        results=run.results,
        around=None if parent is None else (parent.id, run.root.id),
        attempt=run.root.run_count if run.root.supervised else None,
        limited_tags=[] if run.outbox is None else run.outbox.limited_tags.known,
        settings=settings,
        job={name: value for name, value in run.root.job.items() if name in _SHOWN_OF_JOB},
    )
    return _packed_facts(facts)


def task_run_of(job: Job, outbox: Outbox) -> tuple[TaskRun, TaskFacts]:
    """Make the worker's own object of the task run of a job; the flow run is its `flow_run`.

    Args:
        job: What the worker was sent.
        outbox: Where the news of runs within the task go, and the log.
    """
    facts: TaskFacts = unpack(job.task)
    flow_run = _flow_run_of(_flow_facts(job.flow), facts, outbox)
    outbox.open(flow_run.root)
    task = Task(_elsewhere, name=facts.task_name)
    task.task_key, task.is_async, task.assets = facts.task_key, facts.is_async, facts.assets
    run = TaskRun(
        task, flow_run=flow_run, tags=facts.tags, log_prints=facts.log_prints, args=(), kwargs={}, parameters={}
    )
    run.id, run.index, run.name = facts.id, facts.number, facts.name
    run.run_count, run.results = facts.run_count, facts.results
    return run, facts


def settings_of(job: Job) -> dict[str, str]:
    """Give the settings that hold for a job's flow run, but for the defaults."""
    return _flow_facts(job.flow).settings


class _FlowRunElsewhere(FlowRun):
    """The flow run, in a worker: it counts for one task run what runs in there."""

    __slots__ = ("_counts", "_of")
    _counts: Counter[str]
    _of: TaskFacts

    def next_index(self, task_key: str) -> int:
        # Many workers count at once. So runs within a task run are told from those in others by its own number, and
        # where they are told from runs alike (the key of those has a slash), by the task as well.
        count = self._counts[task_key]
        self._counts[task_key] += 1
        block = int.from_bytes(self._of.task_key.encode()) if "/" in task_key else 0
        return count + 1_000 * (self._of.number + (block << 32))


def _flow_run_of(facts: FlowFacts, of: TaskFacts, outbox: Outbox) -> FlowRun:
    parent = None
    if facts.around is not None:
        parent = _bare_flow_run(facts.around[0], None, outbox)
        parent.root = parent if facts.around[0] == facts.around[1] else _bare_flow_run(facts.around[1], None, outbox)
    flow = Flow(_elsewhere, name=facts.flow_name, version=facts.flow_version)
    flow.is_async = facts.is_async
    run = _FlowRunElsewhere(flow, parent=parent, outbox=outbox, tags=facts.tags, log_prints=facts.log_prints)
    run._counts, run._of = Counter(), of
    run.id, run.name, run.run_count = facts.id, facts.name, facts.run_count
    run.parameters, run.identity, run.results = dict(facts.parameters), facts.identity, facts.results
    run.scheduled_start_time = facts.scheduled_start_time
    if facts.attempt is not None:
        run.root.supervised, run.root.run_count = True, facts.attempt
    run.root.job = facts.job
    outbox.limited_tags = LimitedTags(facts.limited_tags, inf)
    return run


def _bare_flow_run(id_: UUID, parent: FlowRun | None, outbox: Outbox) -> FlowRun:
    run = FlowRun(Flow(_elsewhere), parent=parent, outbox=outbox, tags=[], log_prints=False)
    run.id = id_
    return run


def _elsewhere() -> None:
    """Stand for a function that is not here."""


@functools.lru_cache(maxsize=MAX_KNOWN_FLOW_RUNS)
def _flow_facts(content: bytes) -> FlowFacts:
    facts: FlowFacts = unpack(content)
    return facts


def _packed_facts(facts: FlowFacts | TaskFacts) -> bytes:
    try:
        return pack(facts)
    except Exception:
        # A store or a serializer of the user's own that cannot travel: the results of tasks within are not stored.
        return pack(facts._replace(results=None))


def _parameters_that_travel(run: FlowRun) -> dict[str, Any]:
    try:
        pack(run.parameters)
    except Exception:
        return run.shown_parameters
    return run.parameters


def _not_sent(run: TaskRun, invoke: Invoke, error: Exception) -> TransferError:
    named = run.definition.bind(run.args, run.kwargs).arguments
    for name, value in named.items():
        try:
            pack(value)
        except Exception as reason:
            return explained(reason, f"argument {name!r} of {run.definition.kind} {run.definition.name!r}", value, name)
    name = getattr(invoke.function, "__name__", "its function")
    return explained(error, f"the function of task {run.definition.name!r}", invoke.function, name)
