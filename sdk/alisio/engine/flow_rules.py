"""The life of a flow run: parameters, attempts, the futures it leaves behind, end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from alisio.context import current_flow_run, current_tags, current_task_run
from alisio.contract.states import StateName, StateType
from alisio.engine.arguments import Found, find, futures_in, result_of, state_of, substitute, unfit_input
from alisio.engine.effects import Effect, Invoke, Steps, Wait
from alisio.engine.outbox import Outbox
from alisio.engine.parameters import validated
from alisio.engine.rules import (
    aborted_state,
    attempt,
    failed,
    hooks_at_end,
    hooks_at_start,
    log_end,
    persisted,
    with_retries,
)
from alisio.engine.run_names import make_run_name
from alisio.engine.runs import FlowRun
from alisio.exceptions import ParameterError, Pause
from alisio.flows import Flow
from alisio.futures import TaskRunFuture
from alisio.logging import RunLogger, capture_prints
from alisio.results.options import default_rules
from alisio.settings import Settings, current_settings
from alisio.states import Cancelled, State


def new_flow_run(
    flow: Flow[Any, Any],
    parameters: dict[str, Any],
    outbox: Outbox | None,
    settings: Settings | None = None,
    supervised: bool = False,
) -> FlowRun:
    """Make a run of a flow: a subflow's, where a flow's code runs here; else a root.

    Args:
        flow: The flow.
        parameters: The arguments that were given, by name.
        outbox: Of a root run; a subflow uses its root's.
        settings: Those that hold for a root run; by default those of now.
        supervised: Whether an agent's supervisor has started it.
    """
    parent = current_flow_run.get()
    around = current_task_run.get() or parent
    if around is not None:
        inherited, rules = around.log_prints, around.results
    else:
        settings = settings or current_settings()
        inherited, rules = settings.logging_log_prints, default_rules(settings)
    run = FlowRun(
        flow,
        parent=parent,
        outbox=outbox if parent is None else parent.outbox,
        tags=sorted(current_tags.get()),
        log_prints=inherited if flow.log_prints is None else flow.log_prints,
        around=rules,
        supervised=supervised,
    )
    run.parameters = parameters
    return run


def flow_steps(run: FlowRun, wait_for: Any = None) -> Steps:
    """Run a flow to its end.

    Returns:
        The final state; PENDING and named NotReady, where something it depends on did not complete.

    Raises:
        BaseException: It was aborted; that is recorded.
    """
    # Not by tokens: what iterates over an asynchronous generator may end it in another context.
    outer_flow_run, outer_task_run = current_flow_run.get(), current_task_run.get()
    current_flow_run.set(run)
    current_task_run.set(None)
    try:
        state = yield from _to_end_or_pause(run, wait_for)
    except BaseException as error:
        try:
            if run.ending is None:
                yield from _abort(run, error)
        finally:
            run.note_ending()
        raise
    finally:
        current_task_run.set(outer_task_run)
        current_flow_run.set(outer_flow_run)
        run.stop_task_runner()
        _abandon_dropped(run)
    return state


def _to_end_or_pause(run: FlowRun, wait_for: Any) -> Steps:
    try:
        return (yield from _to_end(run, wait_for))
    except Pause as signal:
        from alisio.engine.pausing import suspended

        state = yield from suspended(run, signal)
        if run.root is not run:
            raise
        return state


def _to_end(run: FlowRun, wait_for: Any) -> Steps:
    places = run.parameters if wait_for is None else {**run.parameters, "wait_for": wait_for}
    found = {name: what for name, value in places.items() if (what := find(value, None)) is not None}
    if futures := futures_in(found.values()):
        yield Wait(futures)
    if (missing := unfit_input(found.values())) is not None:
        return _not_ready(run, missing)
    _take_results(run, found)
    problem = _ready_parameters(run)
    state = yield from persisted(run, _attempts(run, problem))
    if not state.type.is_terminal:
        state = State(StateType.FAILED, None, f"the flow returned a state that is not final: {state!r}")
    log_end(run, state)
    if run.definition.hooks:
        yield from hooks_at_end(run, state)
    run.note_end(state)
    return state


def _abort(run: FlowRun, error: BaseException) -> Generator[Effect, Any, None]:
    state = aborted_state(run, error)
    _abandon_futures(run, state)
    log_end(run, state)
    # Where a generator is let go there is nobody any more to wait for a hook.
    if run.definition.hooks and not isinstance(error, GeneratorExit):
        yield from hooks_at_end(run, state)
    run.note_end(state)


def _attempts(run: FlowRun, problem: ParameterError | None) -> Steps:
    run.note(StateType.RUNNING)
    if run.log_prints:
        capture_prints()
    RunLogger(run).info("flow %r started", run.definition.name)
    if problem is not None:
        return failed(run, problem)
    if run.definition.hooks:
        yield from hooks_at_start(run)
    return (yield from with_retries(run, lambda: _attempt(run)))


def _take_results(run: FlowRun, found: dict[str, Found]) -> None:
    for name, what in found.items():
        if name != "wait_for" and what.to_rewrite:
            run.parameters[name] = substitute(run.parameters[name], result_of)


def _ready_parameters(run: FlowRun) -> ParameterError | None:
    flow = run.definition
    try:
        if flow.should_validate_parameters:
            run.parameters = validated(flow, run.parameters)
        run.parameters = flow.with_defaults(run.parameters)
        run.show_parameters()
        run.name = make_run_name(flow, run.parameters) or run.name
    except ParameterError as error:
        run.show_parameters()
        return error
    return None


def _not_ready(run: FlowRun, upstream: State[Any]) -> State[Any]:
    message = f"not run: a task it depends on ended as {upstream.name}"
    run.show_parameters()
    run.note(StateType.PENDING, StateName.NOT_READY, message)
    return State(StateType.PENDING, StateName.NOT_READY, message)


def _attempt(run: FlowRun) -> Steps:
    flow = run.definition
    args, kwargs = flow.arguments_from(run.parameters)
    run.failures.clear()
    state = yield from attempt(run, Invoke(flow.fn, args, kwargs, flow.timeout_seconds))
    if state.name == StateName.TIMED_OUT:
        _abandon_futures(run, state)
        return state
    if state.type is not StateType.COMPLETED:
        for future in list(run.futures):
            if not future.started:
                future.abandon(Cancelled(message="its flow failed before it started"))
    while run.futures:
        yield Wait(list(run.futures))
    if state.type is StateType.COMPLETED:
        state = _settled(state)
        _tell_unseen_failures(run)
    return state


def _tell_unseen_failures(run: FlowRun) -> None:
    """Warn of tasks that were submitted and failed, while the flow goes well, since its code has not looked."""
    names = [name for name, future in run.failures if not future.seen]
    if names:
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        RunLogger(run).warning(
            "%d of its submitted tasks failed, and nobody asked for the result: %s; call result() on their futures, "
            "or return them",
            len(names),
            shown,
        )


def _settled(state: State[Any]) -> State[Any]:
    """Judge a flow by what it returned, where that is a future, or a collection of nothing but futures and states."""
    value = state.data
    if isinstance(value, TaskRunFuture):
        return value.state
    if find(value, None) is None:
        return state
    data = substitute(value, state_of)
    if not (isinstance(value, list | tuple | set | frozenset) and all(isinstance(each, State) for each in data)):
        return State(StateType.COMPLETED, None, None, data)
    unfit = [each for each in data if each.type is not StateType.COMPLETED]
    if not unfit:
        return State(StateType.COMPLETED, None, f"all {len(data)} states are completed", data)
    type_ = StateType.FAILED
    if all(each.type is StateType.CANCELLED for each in unfit):
        type_ = StateType.CANCELLED
    first = unfit[0].message or unfit[0].name
    return State(type_, None, f"{len(unfit)} of {len(data)} states are not completed; the first: {first}", data)


def _abandon_dropped(run: FlowRun) -> None:
    """End what tasks that are left behind have submitted since: they would wait for ever."""
    for future in list(run.futures):
        if not future.started:
            future.abandon(State(StateType.CANCELLED, None, "its flow run ended before it started"))


def _abandon_futures(run: FlowRun, state: State[Any]) -> None:
    """End what the run has submitted: nobody waits for it, and nothing more is recorded of it."""
    for future in list(run.futures):
        run.root.left_behind |= future.started
        future.abandon(State(StateType.CANCELLED, None, f"its flow run ended: {state.message or state.name}"))
