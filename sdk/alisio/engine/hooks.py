"""Hooks: functions of the user's that are called when a run comes to a certain state.

Those for a final state are called before that state is recorded, since nothing can be told of a run after its end:
what they log is kept. Whatever they do, the state stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from alisio.contract.states import StateType
from alisio.engine.base_run import Run
from alisio.engine.effects import Call, Effect
from alisio.engine.rules import describe
from alisio.engine.run_views import view_of
from alisio.engine.runs import FlowRun
from alisio.logging import RunLogger
from alisio.options import Hook
from alisio.states import State

Calls = Generator[Effect, Any, None]

OPTION_OF = {
    StateType.RUNNING: "on_running",
    StateType.COMPLETED: "on_completion",
    StateType.FAILED: "on_failure",
    StateType.CRASHED: "on_crashed",
    StateType.CANCELLED: "on_cancellation",
}
"""Which hooks belong to a state."""
_RETRIED = (StateType.FAILED, StateType.CRASHED)


def hooks_for(run: Run, state: State[Any]) -> list[Hook]:
    """Give the hooks that a run's state asks for.

    A supervised flow run that may still be retried has not come to its end, as far as its hooks know.
    """
    if isinstance(run, FlowRun) and run.may_be_retried and state.type in _RETRIED:
        return []
    return run.definition.hooks.get(OPTION_OF.get(state.type, ""), [])


def at_start(run: Run) -> Calls:
    """Call the hooks of a run that has begun to run: its present state is RUNNING."""
    entry = run.history[-1]
    if entry.type is not StateType.RUNNING:  # it was abandoned just now
        return
    state: State[Any] = State(entry.type, entry.name, entry.message, None, entry.at, run.task_run_id)
    yield from call_hooks(run, hooks_for(run, state), state)


def at_end(run: Run, state: State[Any]) -> Calls:
    """Call the hooks of a run that has ended; meanwhile its state is kept in `run.ending`, and is still to be recorded.

    Of a run that was abandoned another end is recorded already: none are called.
    """
    hooks = hooks_for(run, state)
    if not hooks or run.closed:
        return
    run.ending = run.entry_of(state)
    if run.outbox is not None and isinstance(run, FlowRun) and run.root is run:
        run.outbox.tell_ending(run.ending)
    yield from call_hooks(run, hooks, state)


def call_hooks(run: Run, hooks: list[Hook], state: State[Any]) -> Calls:
    """Call hooks one after the other; one that fails is logged, and the next is called."""
    for hook in list(hooks):
        try:
            yield Call(hook, (run.definition, view_of(run, state), state))
        except Exception as error:
            option = OPTION_OF[state.type]
            message = f"hook {_name(hook)} ({option}) failed: {describe(error)}"
            RunLogger(run).failure(logging.ERROR, message, error)


def _name(hook: Any) -> str:
    inner = getattr(hook, "func", hook)  # of a partial
    return repr(getattr(inner, "__name__", type(inner).__name__))
