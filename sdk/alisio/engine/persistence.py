"""Storing the results of runs, and finding those that an earlier attempt has stored.

A result is found again by the identity of its run: the flow run that it is part of, the task or flow, the hash of
its inputs, and how many runs alike came before it in this attempt. So an attempt that follows a failure or a crash,
in this process or on another machine with the same storage, does not run again what was stored.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from alisio.contract.states import StateName, StateType
from alisio.engine.effects import Block, Effect, Steps
from alisio.engine.rules import describe
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import ResultError
from alisio.logging import RunLogger
from alisio.results.hashing import hash_of
from alisio.results.options import ResultRules, SerializerOption
from alisio.results.records import pack, unpack
from alisio.results.reference import StoredResult, location_in
from alisio.results.storage import ResultStorage, open_storage
from alisio.states import State

MAX_LOCATION = 2_000
"""What the server takes."""
_identifying = threading.RLock()


class Place(NamedTuple):
    """Where the result of a run goes.

    Attributes:
        identity: Of the run; None: no other attempt will know it again.
        searched: Whether there may be a result already.
    """

    storage: ResultStorage
    serializer: SerializerOption
    key: str
    identity: str | None
    searched: bool

    @property
    def result(self) -> StoredResult:
        """The reference to what lies there."""
        return StoredResult(location_in(self.storage, self.key), self.storage, self.key, self.serializer)


def with_persistence(run: TaskRun | FlowRun, rules: ResultRules, to_end: Steps) -> Steps:
    """Run something whose result is to be stored, unless it is stored already.

    A result that cannot be stored is a warning, and the state says so: the run goes on with what is in memory.

    Args:
        run: The run.
        rules: What holds for its result.
        to_end: Its steps, up to its final state.

    Returns:
        The final state: with the stored result where there was one, else that of the steps.
    """
    place, reason = None, ""
    try:
        place = _place_of(run, rules)
        if place.searched and (found := (yield from _recall(run, place))) is not None:
            to_end.close()
            return found
    except Exception as error:
        reason = describe(error)
    state = yield from to_end
    if state.type is not StateType.COMPLETED:
        return state
    if place is not None:
        try:
            yield Block(partial(_write, place, state))
            return _kept(run, place, state)
        except Exception as error:
            reason = describe(error)
    return _not_kept(run, state, reason)


def _recall(run: TaskRun | FlowRun, place: Place) -> Generator[Effect, Any, State[Any] | None]:
    try:
        found = yield Block(partial(_read, place))
    except Exception as error:
        RunLogger(run).warning("its stored result cannot be used, so it runs again: %s", describe(error))
        return None
    if found is None:
        return None
    identity, value = found
    again = identity is not None and identity == place.identity
    message = "its result was stored by an earlier attempt" if again else f"its result was stored as {place.key}"
    RunLogger(run).info("not run: %s", message)
    state: State[Any] = State(StateType.COMPLETED, None if again else StateName.CACHED, message, value)
    return _kept(run, place, state)


def _kept(run: TaskRun | FlowRun, place: Place, state: State[Any]) -> State[Any]:
    stored = place.result
    in_memory = run.definition.results.cache_result_in_memory is not False
    data = state.data if in_memory else stored
    return State(state.type, state.name, state.message, data, None, run.task_run_id, stored)


def _not_kept(run: TaskRun | FlowRun, state: State[Any], reason: str) -> State[Any]:
    RunLogger(run).warning("its result is not stored: %s", reason)
    message = "; ".join(filter(None, (state.message, f"its result is not stored: {reason}")))
    return State(state.type, state.name, message, state.data, None, run.task_run_id)


def _read(place: Place) -> tuple[str | None, Any] | None:
    if not place.storage.exists(place.key):
        return None
    record = unpack(place.storage.read(place.key))
    return record.identity, record.value(place.serializer)


def _write(place: Place, state: State[Any]) -> None:
    place.storage.write(place.key, pack(state.result(), place.serializer, place.identity))


def _place_of(run: TaskRun | FlowRun, rules: ResultRules) -> Place:
    around = run.flow_run if isinstance(run, TaskRun) else run.parent
    template = run.definition.results.result_storage_key
    identity = _identity_or_none(run, found_by_key=template is not None)
    if template is not None and isinstance(run, TaskRun):
        key, searched = _key_of(run, template), True
    else:
        root = run.root if isinstance(run, FlowRun) else run.flow_run and run.flow_run.root
        key = identity or (f"attempt-{run.run_count + 1}" if run is root else str(run.id))
        key = f"{root.id}/{key}" if root is not None else key
        searched = identity is not None and _has_earlier_attempt(around)
    storage = open_storage(rules.storage)
    if len(location_in(storage, key)) > MAX_LOCATION:
        raise ResultError(f"the key {key[:100]!r}… is too long")
    return Place(storage, rules.serializer, key, identity, searched)


def _key_of(run: TaskRun, template: str) -> str:
    from alisio.runtime import flow_run, task_run

    return template.format(flow_run=flow_run, task_run=task_run, parameters=_arguments_of(run))


def _has_earlier_attempt(run: FlowRun | None) -> bool:
    while run is not None:
        if run.run_count > 1:
            return True
        run = run.parent
    return False


def identify(run: TaskRun) -> None:
    """Give a task run its number among runs alike now: threads will begin them in another order every time."""
    with suppress(Exception):  # it is told when the run begins
        _identity_of(run)


def _identity_or_none(run: TaskRun | FlowRun, found_by_key: bool) -> str | None:
    try:
        return _identity_of(run)
    except Exception as error:
        if not found_by_key:
            RunLogger(run).warning(
                "a later attempt will run this again: its inputs cannot be hashed: %s", describe(error)
            )
        return None


def _identity_of(run: TaskRun | FlowRun) -> str | None:
    """Tell who a run is for every attempt; None: it is a root, or is not part of a flow run."""
    if isinstance(run, TaskRun):
        if run.flow_run is None:
            return None
        if run.identity is None:
            # Of a method, the object that it is bound to is an input.
            inputs = (getattr(run.definition.fn, "__self__", None), _arguments_of(run))
            run.identity = _nth(run.flow_run, run.definition.task_key, hash_of(inputs))
        return run.identity
    if run.parent is None:
        return None
    # One thread at a time: it counts.
    with _identifying:
        if run.identity is None:
            run.identity = _nth(run.parent, run.definition.name, hash_of(run.parameters))
        return run.identity


def _nth(flow_run: FlowRun, name: str, inputs: str) -> str:
    around = _identity_of(flow_run) or str(flow_run.id)
    occurrence = flow_run.next_index(f"{flow_run.run_count}/{name}/{inputs}")
    return hash_of((around, name, inputs, occurrence))


def _arguments_of(run: TaskRun) -> dict[str, Any]:
    bound = run.definition.bind(run.args, run.kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)
