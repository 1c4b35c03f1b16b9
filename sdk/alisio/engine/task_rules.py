"""The life of a task run: wait for its inputs, run with retries, end."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from alisio.context import current_flow_run, current_tags, current_task_run, current_transaction
from alisio.contract.states import StateName, StateType
from alisio.engine.arguments import Found, find, futures_in, result_of, substitute, unfit_input
from alisio.engine.effects import Effect, Invoke, Steps, Wait
from alisio.engine.rules import (
    aborted_state,
    attempt,
    end_transaction,
    failed,
    hooks_at_end,
    hooks_at_start,
    log_end,
    persisted,
    with_retries,
)
from alisio.engine.run_names import make_run_name
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import ParameterError
from alisio.states import State
from alisio.tasks import Task

if TYPE_CHECKING:
    from alisio.engine.tag_slots import TagSlots


class Prepared(NamedTuple):
    """A task run that can start, once what it waits for has ended."""

    run: TaskRun
    found: dict[str, Found]


def prepare(task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any = None) -> Prepared:
    """Make a run of a task: match its arguments, and look for futures and results in them.

    Args:
        task: The task.
        args: For its function.
        kwargs: Likewise.
        wait_for: Futures that must have completed first.

    Returns:
        The run, and what was found in its arguments.

    Raises:
        ParameterError: The arguments don't fit the task's function.
    """
    parameters = task.arguments(args, kwargs)
    flow_run = current_flow_run.get()
    parent = current_task_run.get() or flow_run
    inherited = parent is not None and parent.log_prints
    run = TaskRun(
        task,
        flow_run=flow_run,
        tags=task.tags_with(current_tags.get()),
        log_prints=inherited if task.log_prints is None else task.log_prints,
        around=None if parent is None else parent.results,
        args=args,
        kwargs=kwargs,
        parameters=parameters,
    )
    provenance = None if flow_run is None else flow_run.provenance
    places = parameters if wait_for is None else {**parameters, "wait_for": wait_for}
    found = {name: what for name, value in places.items() if (what := find(value, provenance)) is not None}
    run.inputs = {name: list(dict.fromkeys(what.sources)) for name, what in found.items() if what.sources}
    joins = (task.hooks and task.transacts) or (parent is not None and parent.transaction is not None)
    if joins or current_transaction.get() is not None:
        from alisio.engine.transacting import join

        join(run)
    return Prepared(run, found)


def task_steps(prepared: Prepared) -> Steps:
    """Run a task to its end.

    Returns:
        The final state; PENDING and named NotReady, where something it depends on did not complete.

    Raises:
        BaseException: It was aborted; that is recorded.
    """
    run = prepared.run
    # One that was submitted has a history: where it runs, the flow's own code does not.
    if not run.history and run.flow_run is not None and run.flow_run.root.pause_request is not None:
        yield from _pause_on_request(run.flow_run)
    outer = current_task_run.get()
    current_task_run.set(run)
    try:
        state = yield from _to_end(run, prepared)
    except BaseException as error:
        if run.ending is None:
            state = aborted_state(run, error)
            log_end(run, state)
            run.note_end(state)
        run.note_ending()
        if run.transaction is not None:
            _abort_transaction(run)
        raise
    finally:
        current_task_run.set(outer)
        run.let_go()
    return state


def _abort_transaction(run: TaskRun) -> None:
    from alisio.engine.transacting import aborted

    aborted(run)


def _pause_on_request(flow_run: FlowRun) -> Generator[Effect, Any, None]:
    if current_task_run.get() is None:
        from alisio.engine.pausing import pausing_on_request

        yield from pausing_on_request(flow_run)


def _to_end(run: TaskRun, prepared: Prepared) -> Steps:
    if prepared.found:
        if futures := futures_in(prepared.found.values()):
            if not run.history:
                run.note(StateType.PENDING)
            yield Wait(futures)
        missing = unfit_input(prepared.found.values())
        if missing is not None:
            return _not_ready(run, missing)
        _take_results(prepared)
    if run.definition.names_assets or (run.flow_run is not None and run.flow_run.root.lineage is not None):
        from alisio.engine.lineage import trace_assets

        trace_assets(run)
    try:
        _name(run)
    except ParameterError as error:
        state = failed(run, error)
    else:
        state = yield from persisted(run, _attempts(run))
    return (yield from _end(run, state))


def _end(run: TaskRun, state: State[Any]) -> Steps:
    if not state.type.is_terminal:
        state = State(StateType.FAILED, None, f"the task returned a state that is not final: {state!r}")
    state.task_run_id = run.id
    log_end(run, state)
    if run.definition.hooks:
        yield from hooks_at_end(run, state)
    run.note_end(state)
    if state.type is StateType.COMPLETED and run.flow_run is not None:
        run.flow_run.provenance.remember(state.data, run.id)
        if (lineage := run.flow_run.root.lineage) is not None:
            lineage.note_result(state.data, run.id)
    if run.transaction is not None:
        yield from end_transaction(run, state)
    return state


def _attempts(run: TaskRun) -> Steps:
    invoke = Invoke(run.definition.fn, run.args, run.kwargs, run.definition.timeout_seconds)
    slots = (yield from _tag_slots(run)) if run.tags else None
    refused = None if slots is None else (yield from slots.take())
    if refused is not None:
        return refused
    run.note(StateType.RUNNING)
    try:
        if run.definition.hooks:
            yield from hooks_at_start(run)
        if slots is None:
            return (yield from with_retries(run, lambda: attempt(run, invoke)))
        return (yield from with_retries(run, lambda: slots.around(attempt(run, invoke))))
    finally:
        if slots is not None:
            slots.drop()


def _tag_slots(run: TaskRun) -> Generator[Effect, Any, TagSlots | None]:
    """Find the limits of its tags. Mostly there are none, and then what takes slots is not imported."""
    known = None if run.outbox is None else run.outbox.limited_tags
    if known is None or (known.is_fresh and not known.among(run.tags)):
        return None
    from alisio.engine.tag_slots import tag_slots

    return (yield from tag_slots(run))


def _name(run: TaskRun) -> None:
    if run.definition.run_name is not None:
        bound = run.definition.bind(run.args, run.kwargs)
        bound.apply_defaults()
        run.name = make_run_name(run.definition, bound.arguments) or run.name


def _not_ready(run: TaskRun, upstream: State[Any]) -> State[Any]:
    message = f"not run: a task it depends on ended as {upstream.name}"
    state: State[Any] = State(StateType.PENDING, StateName.NOT_READY, message, task_run_id=run.id)
    run.note(StateType.PENDING, StateName.NOT_READY, message)
    log_end(run, state)
    return state


def inputs_to_take(prepared: Prepared) -> list[str]:
    """Name the arguments in which results are still to take the place of futures and the like."""
    return [name for name, what in prepared.found.items() if name != "wait_for" and what.to_rewrite]


def _take_results(prepared: Prepared) -> None:
    run, places = prepared.run, inputs_to_take(prepared)
    if not places:
        return
    bound = run.definition.bind(run.args, run.kwargs)
    for name in places:
        bound.arguments[name] = substitute(bound.arguments[name], result_of)
    run.args, run.kwargs, run.parameters = bound.args, bound.kwargs, dict(bound.arguments)
