"""Stopping a flow run on its way: what its process does, whether the flow's code or a person wants it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from alisio.client import open_client
from alisio.context import current_flow_run, current_task_run
from alisio.contract.control import PauseAnswer, PauseReport, PauseStatus
from alisio.contract.states import StateName, StateType
from alisio.engine.effects import Block, Effect, Sleep, Steps, Wait
from alisio.engine.reporter import current_reporter
from alisio.exceptions import (
    ApiError,
    ApiUnreachableError,
    FlowPauseTimeoutError,
    MissingContextError,
    Pause,
)
from alisio.logging import RunLogger
from alisio.states import Cancelled, State

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.engine.runs import FlowRun

RECORD_SECONDS = 30.0
"""How long a run by hand that pauses, or calls for runs of deployments, waits until the server knows of it."""

REQUEST_POLL_SECONDS = 2.0
"""How often a run that was asked to pause looks whether it may go on."""


def run_that_pauses(what: str) -> FlowRun:
    """Give the flow run whose code wants to pause.

    Raises:
        MissingContextError: No flow runs here.
        RuntimeError: A task runs here.
    """
    if current_task_run.get() is not None:
        raise RuntimeError(f"a task cannot {what} its flow run: call this from the flow itself")
    run = current_flow_run.get()
    if run is None:
        raise MissingContextError(f"there is no flow run here to {what}: call this from the code of a flow")
    return run


def pause_key(run: FlowRun, given: str | None) -> str:
    """Name a pause so that every attempt of the run names it the same: the nth one of its flow's code."""
    if given is not None:
        if not isinstance(given, str) or not 0 < len(given) <= 200:
            raise ValueError(f"key must be a text of 1 to 200 characters, not {given!r}")
        return given
    from alisio.engine.identity import occurrence_key

    try:
        return f"pause-{occurrence_key(run, 'pause')}"
    except Exception:
        # A subflow whose parameters cannot be hashed: attempts may tell its pauses apart by their number only.
        name = run.definition.name[:100]
        return f"pause-{name}-{run.root.next_index(f'{run.root.run_count}/pause/{name}')}"


def pausing(run: FlowRun, report: PauseReport, poll_interval: float) -> Generator[Effect, Any, PauseAnswer]:
    """Wait at a pause until the run is resumed.

    Args:
        run: The run whose code pauses; a subflow's pauses the root run.
        report: The pause.
        poll_interval: How many seconds to let pass between looks.

    Returns:
        What it was resumed with.

    Raises:
        FlowPauseTimeoutError: It was not resumed in time.
        Pause: The run is to be suspended.
        ApiError: The server refuses.
    """
    root = run.root
    client = yield Block(open_client)
    waits = False
    try:
        yield from known(root)
        while True:
            answer = yield Block(partial(_stand, client, root, report))
            if answer is not None and answer.status is not PauseStatus.WAITING:
                break
            if answer is not None and report.suspends:
                raise Pause(f"suspended at pause {report.key}")
            if not waits:
                RunLogger(run).info("paused; it goes on when it is resumed")
                waits = True
            yield Sleep(poll_interval)
    finally:
        client.close()
    if answer.status is PauseStatus.EXPIRED:
        raise FlowPauseTimeoutError(f"the run was paused and not resumed within {report.timeout_seconds:g} s")
    if waits:
        RunLogger(run).info("resumed")
    return answer  # type: ignore[no-any-return]  # what an effect answers has no type


def known(root: FlowRun) -> Generator[Effect, Any, None]:
    """Wait until the server knows of a run by hand; of others it does.

    Raises:
        ApiUnreachableError: It does not answer.
    """
    if root.supervised:
        return
    if not (yield Block(partial(current_reporter().flush, RECORD_SECONDS))):
        raise ApiUnreachableError("the server could not be told of this run: see the warnings above")


def _stand(client: Client, root: FlowRun, report: PauseReport) -> PauseAnswer | None:
    """Ask whether the run may go on; None where the server cannot be asked now."""
    try:
        return client.stand_at_pause(root.id, report)
    except ApiUnreachableError:
        return None
    except ApiError as error:
        if error.status >= 500 or error.status == 429:
            return None
        raise


def attempt_of(root: FlowRun) -> int:
    """Tell which attempt of a root run this process is, to the server: a run by hand has one, whatever its retries."""
    return root.run_count if root.supervised else 1


def pausing_on_request(run: FlowRun) -> Generator[Effect, Any, None]:
    """Stop because a person wants it; they may have thought better of it.

    Raises:
        Pause: The run is to be suspended.
    """
    root = run.root
    asked = root.pause_request
    if asked is None:
        return
    how, key = asked
    report = PauseReport(attempt=attempt_of(root), key=key, suspends=how == "suspend", on_request=True)
    yield from pausing(run, report, REQUEST_POLL_SECONDS)
    if root.pause_request is not None and root.pause_request[1] == key:
        root.pause_request = None


def pause_before_submitting(run: FlowRun) -> None:
    """Stop before a task is submitted. In an asynchronous flow that waits for a place where it can be awaited."""
    asked = run.root.pause_request
    if asked is None or current_task_run.get() is not None or (run.definition.is_async and asked[0] != "suspend"):
        return
    from alisio.engine.either import run as run_here

    run_here(pausing_on_request(run))


def suspended(run: FlowRun, signal: Pause) -> Steps:
    """End the process's part of a run that is suspended: what has begun comes to its end, and is stored."""
    for future in list(run.futures):
        if not future.started:
            future.abandon(Cancelled(message="its flow run was suspended before it started"))
    while run.futures:
        yield Wait(list(run.futures))
    state: State[Any] = State(StateType.PAUSED, StateName.SUSPENDED, str(signal))
    RunLogger(run).info("suspended; it goes on in a new process when it is resumed")
    run.note_end(state)
    return state
