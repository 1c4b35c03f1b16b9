"""Who a run is for every attempt of its flow run: by that, a later attempt finds what an earlier one has stored.

It is the flow run that it is part of, the task or flow, the hash of its inputs, and how many runs alike came before
it in this attempt. So it is the same in another process, and on another machine.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from alisio.engine.runs import FlowRun, TaskRun
from alisio.results.hashing import hash_of

_identifying = threading.RLock()


def identify(run: TaskRun) -> None:
    """Give a task run its number among runs alike now: threads will begin them in another order every time."""
    with suppress(Exception):  # it is told when the run begins
        identity_of(run)


def identity_of(run: TaskRun | FlowRun) -> str | None:
    """Tell who a run is for every attempt; None: it is a root, or is not part of a flow run.

    Raises:
        Exception: Its inputs cannot be hashed.
    """
    if isinstance(run, TaskRun):
        if run.flow_run is None:
            return None
        if run.identity is None:
            # Of a method, the object that it is bound to is an input.
            inputs = (getattr(run.definition.fn, "__self__", None), arguments_of(run))
            run.identity = _nth(run.flow_run, run.definition.task_key, hash_of(inputs))
        return run.identity
    if run.parent is None:
        return None
    # One thread at a time: it counts.
    with _identifying:
        if run.identity is None:
            run.identity = _nth(run.parent, run.definition.name, hash_of(run.parameters))
        return run.identity


def occurrence_key(flow_run: FlowRun, name: str, inputs: Any = None) -> str:
    """Name something that a flow's code comes to, so that every attempt names it the same.

    Args:
        flow_run: The run whose code comes to it.
        name: What it is.
        inputs: What it is given.

    Returns:
        32 hexadecimal digits: of who the run is, of name and inputs, and of how many alike came before.
    """
    with _identifying:
        return _nth(flow_run, name, hash_of(inputs))


def arguments_of(run: TaskRun) -> dict[str, Any]:
    """Give all arguments of a task run by name, defaults among them."""
    bound = run.definition.bind(run.args, run.kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def has_earlier_attempt(run: FlowRun | None) -> bool:
    """Tell whether this run, or one around it, was begun before."""
    while run is not None:
        if run.run_count > 1:
            return True
        run = run.parent
    return False


def _nth(flow_run: FlowRun, name: str, inputs: str) -> str:
    around = identity_of(flow_run) or str(flow_run.id)
    occurrence = flow_run.next_index(f"{flow_run.run_count}/{name}/{inputs}")
    return hash_of((around, name, inputs, occurrence))
