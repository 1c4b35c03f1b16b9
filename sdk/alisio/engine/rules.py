"""The rules that flow runs and task runs share: what a result or an exception makes of a run, and retries."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from alisio.contract.states import StateName, StateType
from alisio.engine.effects import Invoke, Sleep, Steps, TimeIsUpError
from alisio.engine.runs import FlowRun, Run, TaskRun
from alisio.exceptions import FlowTimeoutError, TaskTimeoutError
from alisio.logging import RunLogger
from alisio.states import Cancelled, Crashed, State


def attempt(run: Run, invoke: Invoke) -> Steps:
    """Run the user's function once.

    Returns:
        COMPLETED with the result, the state that the function returned, or FAILED with the exception.
    """
    run.run_count += 1
    try:
        value = yield invoke
    except TimeIsUpError:
        return _timed_out(run, invoke.timeout)
    except Exception as error:
        return failed(run, error)
    if isinstance(value, State):
        return value
    return State(StateType.COMPLETED, None, None, value, None, run.task_run_id)


def with_retries(run: Run, one_attempt: Callable[[], Steps]) -> Steps:
    """Attempt until it does not fail, or until no retry is left.

    A supervised flow run is attempted once: its supervisor starts the next attempt in a process of its own.

    Returns:
        The state that the last attempt ended in.
    """
    definition = run.definition
    allowed = 0 if isinstance(run, FlowRun) and run.supervised else definition.retries
    used = 0
    while True:
        state = yield from one_attempt()
        if state.type is not StateType.FAILED or used >= allowed:
            return state
        used += 1
        delay = definition.delay_before(used)
        message = f"retry {used} of {allowed} after: {state.message or state.name}"
        RunLogger(run).info("%s; starts in %g s", message, delay)
        _note_retry(run, message, delay)
        if delay > 0:
            yield Sleep(delay)
        run.note(StateType.RUNNING, StateName.RETRYING, message)


def _note_retry(run: Run, message: str, delay: float) -> None:
    # SCHEDULED gives a root run back to the server, but this process keeps it.
    if isinstance(run, FlowRun) and run.root is run:
        return
    if delay > 0:
        run.note(StateType.SCHEDULED, StateName.AWAITING_RETRY, message)


def persisted(run: FlowRun | TaskRun, steps: Steps) -> Steps:
    """Have the result of these steps stored, where the run's rules say so."""
    rules = run.results
    if rules is None or not rules.persist:
        return steps
    from alisio.engine.persistence import with_persistence

    return with_persistence(run, rules, steps)


def identified(run: TaskRun) -> None:
    """Tell a submitted run, all of whose inputs are there, from runs alike, where its result is to be stored."""
    if run.results is not None and run.results.persist:
        from alisio.engine.persistence import identify

        identify(run)


def failed(run: Run, error: Exception) -> State[Any]:
    """Make the state of a run whose code raised an exception."""
    return State(StateType.FAILED, None, describe(error), error, None, run.task_run_id)


def describe(error: BaseException) -> str:
    """Say an exception in one line, such as `ValueError: no such town`."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def aborted_state(run: Run, error: BaseException) -> State[Any]:
    """Make the state of a run that something other than its own code's exceptions has ended.

    Args:
        run: The run.
        error: What went through it: an interrupt, an exit, a cancelled coroutine, the time limit of a run around it.

    Returns:
        CANCELLED where somebody asked for that, else CRASHED.
    """
    flow_run = run.flow_run if isinstance(run, TaskRun) else run
    root = flow_run.root if isinstance(flow_run, FlowRun) else None
    if root is not None and root.cancel_requested:
        return Cancelled(message="cancelled on request", data=error)
    known = root.abort_reason if root is not None else None
    return Crashed(message=known or _abort_reason(error), data=error)


def _abort_reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted from the keyboard (SIGINT)"
    if isinstance(error, SystemExit):
        return f"the code exited with {error.code!r}"
    if type(error).__name__ == "CancelledError":
        return "its coroutine was cancelled"
    return f"aborted by {describe(error)}"


def log_end(run: Run, state: State[Any]) -> None:
    """Log how a run ended: failures with their traceback, the end of a task only for those who debug."""
    logger = RunLogger(run)
    text = state.name if state.message is None else f"{state.name} ({state.message})"
    if state.type is StateType.COMPLETED:
        logger.log(logging.INFO if isinstance(run, FlowRun) else logging.DEBUG, "ended: %s", text)
    elif isinstance(state.data, BaseException):
        logger.failure(logging.ERROR, f"ended: {text}", state.data)
    else:
        logger.error("ended: %s", text)


def _timed_out(run: Run, timeout: float | None) -> State[Any]:
    kind = FlowTimeoutError if isinstance(run, FlowRun) else TaskTimeoutError
    error = kind(f"{run.definition.kind} {run.definition.name!r} took longer than {timeout:g} s")
    return State(StateType.FAILED, StateName.TIMED_OUT, str(error), error, None, run.task_run_id)
