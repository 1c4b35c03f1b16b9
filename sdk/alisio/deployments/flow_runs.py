"""Asking for runs of deployments, and waiting for them."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic_core import PydanticSerializationError, to_jsonable_python

from alisio.client import Client, open_client
from alisio.context import checked_tags, current_flow_run, current_tags
from alisio.contract.runs import FlowRun, FlowRunCreate
from alisio.contract.states import StateType
from alisio.engine.arguments import find, futures_in, result_of, substitute
from alisio.engine.effects import Block, Effect, Wait
from alisio.engine.either import Core, awaited, either
from alisio.engine.pausing import known
from alisio.exceptions import ParameterError
from alisio.flow_runs import until_ended, with_state

if TYPE_CHECKING:
    from alisio.contract.deployments import Deployment
    from alisio.engine.runs import FlowRun as LocalRun

__all__ = ["arun_deployment", "run_deployment"]


def run_deployment(
    name: str | UUID,
    client: Client | None = None,
    parameters: Mapping[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float = 5,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool = True,
    job_variables: Mapping[str, Any] | None = None,
) -> Any:
    """Ask for a run of a deployment, and wait for it. In asynchronous code it gives what is to be awaited.

    Called from a flow, it finds the run that an earlier attempt of that flow has asked for here, unless that one did
    not complete: then it asks for another one.

    Args:
        name: `flow/deployment`, or the deployment's id.
        client: By default one to the server that the settings name.
        parameters: Laid over the deployment's; futures and states in them are replaced by their results.
        scheduled_time: When it is to start; at once where it is not given. Without an offset: of this machine.
        flow_run_name: By default one is made up.
        timeout: How many seconds to wait: None: until it has ended; 0: not at all.
        poll_interval: How many seconds to let pass between looks at most.
        tags: Laid on the run, with those of the deployment and those that hold here.
        idempotency_key: The same key for the same deployment gives back the first run.
        work_queue_name: Another queue of the deployment's work pool.
        as_subflow: Whether it is a subflow of the run whose code calls this, and is cancelled with it. Of a subflow
            that runs in the same process, the parent is the run at the top.
        job_variables: Laid over the deployment's.

    Returns:
        The run as it was seen last. Its `state` is a `State`: `run.state.result()` gives what the flow returned, where
        its result is stored.

    Raises:
        NotFoundError: There is no such deployment, or no such queue.
        InvalidInputError: The parameters do not fit the deployment's schema.
        ParameterError: The parameters cannot be written as JSON.
        ValueError: An option cannot be used.
        Exception: What a task raised whose future is among the parameters.
    """
    asked = _Asked(name, client, parameters, timeout, poll_interval, as_subflow, idempotency_key)
    return either(asked.steps(scheduled_time, flow_run_name, checked_tags(tags or ()), work_queue_name, job_variables))


def arun_deployment(
    name: str | UUID,
    client: Client | None = None,
    parameters: Mapping[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float = 5,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool = True,
    job_variables: Mapping[str, Any] | None = None,
) -> Coroutine[Any, Any, FlowRun]:
    """Do what `run_deployment` does; always to be awaited."""
    asked = _Asked(name, client, parameters, timeout, poll_interval, as_subflow, idempotency_key)
    return awaited(asked.steps(scheduled_time, flow_run_name, checked_tags(tags or ()), work_queue_name, job_variables))


class _Asked:
    """A call of `run_deployment`."""

    def __init__(
        self,
        name: str | UUID,
        client: Client | None,
        parameters: Mapping[str, Any] | None,
        timeout: float | None,
        poll_interval: float,
        as_subflow: bool,
        idempotency_key: str | None,
    ) -> None:
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout must be 0 seconds or more, or None: until it has ended, not {timeout!r}")
        if not poll_interval > 0:
            raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")
        self._name = name
        self._client = client
        self._parameters = dict(parameters or {})
        self._timeout = timeout
        self._poll_interval = poll_interval
        self._as_subflow = as_subflow
        self._key = idempotency_key
        self._here = current_flow_run.get()

    def steps(
        self,
        scheduled_time: datetime | None,
        flow_run_name: str | None,
        tags: frozenset[str],
        work_queue_name: str | None,
        job_variables: Mapping[str, Any] | None,
    ) -> Core[FlowRun]:
        parameters = yield from _resolved(self._parameters)
        here = self._here
        if here is not None:
            yield from known(here.root)
        due = scheduled_time
        if due is not None and not isinstance(due, datetime):
            raise ValueError(f"scheduled_time must be a datetime, not {due!r}")
        request = FlowRunCreate(
            parameters=parameters,
            name=flow_run_name,
            tags=sorted(current_tags.get() | tags),
            job_variables=dict(job_variables or {}),
            due=due.astimezone() if due is not None and due.tzinfo is None else due,
            work_queue_name=work_queue_name,
            parent_flow_run_id=here.root.id if here is not None and self._as_subflow else None,
        )
        client: Client = self._client or (yield Block(open_client))
        try:
            deployment: Deployment = yield Block(partial(find_deployment, client, self._name))
            keys = _keys(here, str(self._name), parameters) if self._key is None else iter([self._key])
            run = yield from _created(client, deployment.id, request, keys)
            if self._timeout != 0:
                run = yield from until_ended(client, run.id, self._timeout, self._poll_interval)
        finally:
            if self._client is None:
                client.close()
        return with_state(run)


def find_deployment(client: Client, name: str | UUID) -> Deployment:
    """Read a deployment by its id, or by its address.

    Raises:
        NotFoundError: There is no such deployment.
        ValueError: The address is none.
    """
    if isinstance(name, UUID):
        return client.read_deployment(name)
    if not isinstance(name, str):
        raise ValueError(f"{name!r} names no deployment: write flow/deployment, or its id")
    flow_name, slash, deployment_name = name.partition("/")
    if slash:
        return client.read_deployment_by_name(flow_name, deployment_name)
    try:
        return client.read_deployment(UUID(name))
    except ValueError:
        raise ValueError(f"{name!r} names no deployment: write flow/deployment, or its id") from None


def _created(
    client: Client, deployment_id: UUID, request: FlowRunCreate, keys: Iterable[str | None]
) -> Generator[Effect, Any, FlowRun]:
    """Ask for a run; with a key whose run has ended and not completed, ask again with the next one."""
    for key in keys:
        request = request.model_copy(update={"idempotency_key": key})
        run: FlowRun = yield Block(partial(client.create_run, deployment_id, request))
        if not run.state.type.is_terminal or run.state.type is StateType.COMPLETED:
            break
    return run


def _keys(here: LocalRun | None, name: str, parameters: dict[str, Any]) -> Iterable[str | None]:
    """Give the keys under which this attempt, and those before it, can have asked for a run."""
    if here is None:
        return [None]
    from alisio.engine.identity import occurrence_key

    key = occurrence_key(here, f"run of deployment {name}", parameters)
    attempts = 1
    around: LocalRun | None = here
    while around is not None:
        attempts += max(around.run_count - 1, 0)
        around = around.parent
    return [key, *(f"{key}-{attempt}" for attempt in range(2, attempts + 1))]


def _resolved(parameters: dict[str, Any]) -> Core[dict[str, Any]]:
    """Wait for what is in the parameters, and write them as JSON.

    Raises:
        ParameterError: One cannot be written so.
    """
    found = [what for value in parameters.values() if (what := find(value, None)) is not None]
    if futures := futures_in(found):
        yield Wait(futures)
    written = {}
    for name, value in parameters.items():
        try:
            written[name] = to_jsonable_python(substitute(value, result_of))
        except PydanticSerializationError as error:
            raise ParameterError(f"parameter {name!r} cannot be written as JSON: {error}") from error
    return written
