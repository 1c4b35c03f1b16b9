"""The rules that flow runs and task runs share: what a result or an exception makes of a run, and retries."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator
from types import GeneratorType
from typing import Any

from alisio.contract.states import StateName, StateType
from alisio.engine.base_run import Run
from alisio.engine.effects import Call, Effect, Invoke, Sleep, Steps, TimeIsUpError
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import FlowTimeoutError, TaskTimeoutError, WorkerLostError
from alisio.logging import RunLogger
from alisio.states import Cancelled, Crashed, State


def attempt(run: Run, invoke: Invoke) -> Steps:
    """Run the user's function once.

    Returns:
        COMPLETED with the result, the state that the function returned, or FAILED with the exception.
    """
    run.run_count += 1
    if run.definition.is_generator:
        from alisio.engine.generators import generator_attempt

        return (yield from generator_attempt(run, invoke))
    try:
        value = yield invoke
        if type(value) is GeneratorType:
            # A result can be kept and passed on; what only yields once cannot.
            value = yield Call(list, (value,))
    except TimeIsUpError:
        return timed_out(run, invoke.timeout)
    except WorkerLostError as error:
        # One that comes through from a task that was waited for is an exception like any other.
        return Crashed(message=str(error), data=error) if error.task_run_id == run.id else failed(run, error)
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
    used, streamed = 0, run.streams
    while True:
        state = yield from one_attempt()
        if state.type is not StateType.FAILED or used >= allowed or run.streams is not streamed:
            return state
        if definition.retry_condition_fn is not None and not (yield from _is_retried(run, state)):
            return state
        if run.transaction is not None:
            yield from start_over(run)
        used += 1
        delay = definition.delay_before(used) * (1 + random.random() * definition.retry_jitter_factor)
        message = f"retry {used} of {allowed} after: {state.message or state.name}"
        RunLogger(run).info("%s; starts in %g s", message, delay)
        _note_retry(run, message, delay)
        if delay > 0:
            yield Sleep(delay)
        run.note(StateType.RUNNING, StateName.RETRYING, message)
        if definition.hooks:
            yield from hooks_at_start(run)


def _is_retried(run: Run, state: State[Any]) -> Generator[Effect, Any, bool]:
    """Ask the condition of the user's whether a failure is one that another attempt may mend."""
    from alisio.engine.run_views import view_of

    condition = run.definition.retry_condition_fn
    assert condition is not None
    try:
        wanted = yield Call(condition, (run.definition, view_of(run, state), state))
    except Exception as error:
        RunLogger(run).failure(logging.ERROR, f"not retried: its retry_condition_fn failed: {describe(error)}", error)
        return False
    if not wanted:
        RunLogger(run).info("not retried: its retry_condition_fn said so")
    return bool(wanted)


def hooks_at_start(run: Run) -> Generator[Effect, Any, None]:
    """Call the hooks of a run that has begun to run; only where its definition has any."""
    from alisio.engine.hooks import at_start

    yield from at_start(run)


def hooks_at_end(run: Run, state: State[Any]) -> Generator[Effect, Any, None]:
    """Call the hooks of a run that has come to its final state; only where its definition has any."""
    from alisio.engine.hooks import at_end

    yield from at_end(run, state)


def _note_retry(run: Run, message: str, delay: float) -> None:
    # SCHEDULED gives a root run back to the server, but this process keeps it.
    if isinstance(run, FlowRun) and run.root is run:
        return
    if delay > 0:
        run.note(StateType.SCHEDULED, StateName.AWAITING_RETRY, message)


def persisted(run: FlowRun | TaskRun, steps: Steps) -> Steps:
    """Have the result of these steps stored, where the run's rules say so."""
    rules = run.results
    # What was handed out value by value cannot be taken from a storage and handed out again.
    if rules is None or not rules.persist or run.streams:
        return steps
    from alisio.engine.persistence import with_persistence

    return with_persistence(run, rules, steps)


def start_over(run: Run) -> Generator[Effect, Any, None]:
    """Roll back what the failed attempt of a task run has committed to no one yet, as another one follows."""
    from alisio.engine.transacting import started_over

    yield from started_over(run)


def end_transaction(run: TaskRun, state: State[Any]) -> Generator[Effect, Any, None]:
    """End the transaction of a task run whose final state is recorded; only where it has one."""
    from alisio.engine.transacting import ended

    yield from ended(run, state)


def identified(run: TaskRun) -> None:
    """Tell a submitted run, all of whose inputs are there, from runs alike, where its result is to be stored."""
    if run.results is not None and run.results.persist:
        from alisio.engine.identity import identify

        identify(run)


def failed(run: Run, error: Exception) -> State[Any]:
    """Make the state of a run whose code raised an exception, whose traceback then begins at that code."""
    from alisio.engine.tracebacks import without_engine

    without_engine(error)
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
    if run.closed:  # it was abandoned: how it ended is told
        return
    logger = RunLogger(run)
    text = state.name if state.message is None else f"{state.name} ({state.message})"
    if state.type is StateType.COMPLETED:
        level = logging.INFO if isinstance(run, FlowRun) else logging.DEBUG
        if logger.isEnabledFor(level):
            logger.tell_state(level, f"ended: {text}", state.type)
    elif isinstance(state.data, BaseException):
        logger.failure(logging.ERROR, f"ended: {text}", state.data, state.type)
    else:
        logger.tell_state(logging.ERROR, f"ended: {text}", state.type)


def timed_out(run: Run, timeout: float | None) -> State[Any]:
    """Make the state of a run whose attempt took longer than it may."""
    kind = FlowTimeoutError if isinstance(run, FlowRun) else TaskTimeoutError
    error = kind(f"{run.definition.kind} {run.definition.name!r} took longer than {timeout:g} s")
    return State(StateType.FAILED, StateName.TIMED_OUT, str(error), error, None, run.task_run_id)
