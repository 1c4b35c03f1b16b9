"""Pausing, suspending, resuming and waiting for flow runs.

Each function blocks where it is called from code that is not asynchronous, and gives an awaitable elsewhere; those
whose names begin with `a` always give one.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from alisio.client import Client, open_client
from alisio.contract.control import PauseReport, ResumeRequest
from alisio.contract.ids import flow_run_id_of
from alisio.engine.effects import Block, Effect, Sleep
from alisio.engine.either import Core, awaited, either
from alisio.engine.pausing import attempt_of, pause_key, pausing, run_that_pauses
from alisio.exceptions import FlowWaitTimeoutError
from alisio.logging import get_logger

if TYPE_CHECKING:
    from alisio.contract.runs import FlowRun

__all__ = [
    "apause_flow_run",
    "aresume_flow_run",
    "asuspend_flow_run",
    "pause_flow_run",
    "resume_flow_run",
    "suspend_flow_run",
    "wait_for_flow_run",
]

T = TypeVar("T")
_FIRST_LOOK_SECONDS = 0.1
_POLL_SECONDS = 5.0


def pause_flow_run(
    wait_for_input: Any = None, timeout: float | None = 3600, poll_interval: float = 10, key: str | None = None
) -> Any:
    """Wait, in the code of a flow, until the run is resumed. Its process stays; tasks that have begun go on.

    In a subflow it is the run at the top that is paused and is to be resumed.

    Args:
        wait_for_input: What the run is to be given: a type, a model of pydantic, or a `RunInput`; None: nothing.
        timeout: How many seconds it may be resumed; None: for ever.
        poll_interval: How many seconds to let pass between looks.
        key: A name of this pause that is unique in the flow; by default it is the nth one. A run that is retried does
            not stop again where it was resumed.

    Returns:
        The input that it was given; None where it waits for none.

    Raises:
        FlowPauseTimeoutError: It was not resumed in time: where nobody catches that, the run is FAILED.
        MissingContextError: No flow runs here.
        RuntimeError: This is called from a task.
        pydantic.ValidationError: The input fits its schema, but not a validator of its model.
    """
    return either(_pausing(wait_for_input, timeout, poll_interval, key))


def apause_flow_run(
    wait_for_input: Any = None, timeout: float | None = 3600, poll_interval: float = 10, key: str | None = None
) -> Coroutine[Any, Any, Any]:
    """Do what `pause_flow_run` does; always to be awaited."""
    return awaited(_pausing(wait_for_input, timeout, poll_interval, key))


def suspend_flow_run(
    wait_for_input: Any = None,
    flow_run_id: UUID | str | None = None,
    timeout: float | None = 3600,
    key: str | None = None,
    client: Client | None = None,
) -> Any:
    """End the process of a flow run, and go on in a new one once it is resumed: the flow begins anew, as in a retry.

    What is stored with `persist_result=True` is not done again, and suspensions that were resumed are passed. Only a
    run of a deployment can be suspended.

    Args:
        wait_for_input: What the run is to be given to go on; see `pause_flow_run`.
        flow_run_id: Another run, which suspends at its next task; by default that whose code calls this.
        timeout: How many seconds it may be resumed; then it is FAILED; None: for ever.
        key: See `pause_flow_run`.
        client: The client for another run's suspension; by default one to the server that the settings name.

    Returns:
        Once it was resumed, in the new process: the input that it was given.

    Raises:
        Pause: The run is suspended. Let it pass.
        ConflictError: The run is none of a deployment.
        RuntimeError: This is called from a task or a subflow.
    """
    return either(_suspending(wait_for_input, flow_run_id, timeout, key, client))


def asuspend_flow_run(
    wait_for_input: Any = None,
    flow_run_id: UUID | str | None = None,
    timeout: float | None = 3600,
    key: str | None = None,
    client: Client | None = None,
) -> Coroutine[Any, Any, Any]:
    """Do what `suspend_flow_run` does; always to be awaited."""
    return awaited(_suspending(wait_for_input, flow_run_id, timeout, key, client))


def resume_flow_run(flow_run_id: UUID | str, run_input: Mapping[str, Any] | None = None) -> Any:
    """Let a run that is paused or suspended go on.

    Args:
        flow_run_id: The run.
        run_input: The input that it waits for, as data.

    Returns:
        The run as it is then.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It is not paused, or it is too late.
        InvalidInputError: The input is missing or does not fit; the run stays paused.
    """
    return either(_resuming(flow_run_id, run_input))


def aresume_flow_run(
    flow_run_id: UUID | str, run_input: Mapping[str, Any] | None = None
) -> Coroutine[Any, Any, FlowRun]:
    """Do what `resume_flow_run` does; always to be awaited."""
    return awaited(_resuming(flow_run_id, run_input))


def wait_for_flow_run(
    flow_run_id: UUID | str,
    timeout: float | None = 10_800,
    poll_interval: float | None = None,
    client: Client | None = None,
    log_states: bool = False,
) -> Any:
    """Wait until a flow run has ended.

    Args:
        flow_run_id: The run.
        timeout: How many seconds to wait; None: for ever.
        poll_interval: How many seconds to let pass between looks; by default more and more, 5 at most.
        client: By default one to the server that the settings name.
        log_states: Whether to log each state that is seen.

    Returns:
        The run as it has ended. Its `state` is a `State`, as `run_deployment` gives it.

    Raises:
        FlowWaitTimeoutError: It has not ended in time.
        NotFoundError: There is no such run.
    """
    return either(_waiting(flow_run_id_of(flow_run_id), timeout, poll_interval, client, log_states))


def _pausing(wait_for_input: Any, timeout: float | None, poll_interval: float, key: str | None) -> Core[Any]:
    run = run_that_pauses("pause")
    if not poll_interval > 0:
        raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")
    report, kind = _report(run, wait_for_input, timeout, key, suspends=False)
    answer = yield from pausing(run, report, poll_interval)
    return None if kind is None else kind.received(answer.input or {})


def _suspending(
    wait_for_input: Any, flow_run_id: UUID | str | None, timeout: float | None, key: str | None, client: Client | None
) -> Core[Any]:
    from alisio.context import current_flow_run

    here = current_flow_run.get()
    if flow_run_id is not None and (here is None or str(here.id) != str(flow_run_id)):
        yield from _with_client(client, lambda open_: open_.suspend_flow_run(flow_run_id_of(flow_run_id)))
        return None
    run = run_that_pauses("suspend")
    if run.root is not run:
        raise RuntimeError("a subflow cannot be suspended: call this from the flow at the top, or use pause_flow_run")
    report, kind = _report(run, wait_for_input, timeout, key, suspends=True)
    answer = yield from pausing(run, report, 1.0)
    return None if kind is None else kind.received(answer.input or {})


def _report(
    run: Any, wait_for_input: Any, timeout: float | None, key: str | None, *, suspends: bool
) -> tuple[PauseReport, Any]:
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}; None: for ever")
    kind = None
    if wait_for_input is not None:
        from alisio.input.run_input import run_input_subclass_from_type

        kind = run_input_subclass_from_type(wait_for_input)
    report = PauseReport(
        attempt=attempt_of(run.root),
        key=pause_key(run, key),
        suspends=suspends,
        timeout_seconds=timeout,
        input_schema=None if kind is None else kind.model_json_schema(),
        description=None if kind is None else kind.shown_description(),
    )
    return report, kind


def _resuming(flow_run_id: UUID | str, run_input: Mapping[str, Any] | None) -> Core[FlowRun]:
    request = ResumeRequest(input=None if run_input is None else dict(run_input))
    run: FlowRun = yield from _with_client(
        None, lambda client: client.resume_flow_run(flow_run_id_of(flow_run_id), request)
    )
    return run


def _with_client(client: Client | None, ask: Any) -> Generator[Effect, Any, Any]:
    used = client or (yield Block(open_client))
    try:
        return (yield Block(partial(ask, used)))
    finally:
        if client is None:
            used.close()


def _waiting(
    flow_run_id: UUID, timeout: float | None, poll_interval: float | None, client: Client | None, log_states: bool
) -> Core[FlowRun]:
    used = client or (yield Block(open_client))
    try:
        run = yield from until_ended(used, flow_run_id, timeout, poll_interval, log_states)
    finally:
        if client is None:
            used.close()
    if not run.state.type.is_terminal:
        raise FlowWaitTimeoutError(f"flow run {flow_run_id} has not ended within {timeout:g} s: it is {run.state.name}")
    return with_state(run)


def with_state(run: FlowRun) -> FlowRun:
    """Give a run whose `state` is a `State`, which knows of the result."""
    from alisio.client.schemas.objects import flow_run_of

    return flow_run_of(run)


def until_ended(
    client: Client,
    flow_run_id: UUID,
    timeout: float | None,
    poll_interval: float | None = None,
    log_states: bool = False,
) -> Generator[Effect, Any, Any]:
    """Look at a run until it has ended, soon at first and then less often.

    Args:
        client: Whom to ask.
        flow_run_id: The run.
        timeout: How many seconds to go on at most; None: for ever.
        poll_interval: How many seconds to let pass between looks at most; by default 5.
        log_states: Whether to log each state that is seen.

    Returns:
        The run as it was seen last.
    """
    import time

    began = time.monotonic()
    longest = poll_interval or _POLL_SECONDS
    pause, seen = min(_FIRST_LOOK_SECONDS, longest), None
    while True:
        run: FlowRun = yield Block(partial(client.read_flow_run, flow_run_id))
        if log_states and run.state.timestamp != seen:
            seen = run.state.timestamp
            get_logger("flow_runs").info("flow run %s is %s", run.name, run.state.name)
        left = None if timeout is None else timeout - (time.monotonic() - began)
        if run.state.type.is_terminal or (left is not None and left <= 0):
            return run
        yield Sleep(pause if left is None else min(pause, left))
        pause = min(pause * 1.5, longest)
