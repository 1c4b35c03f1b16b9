"""Storing the results of runs, and taking those that are stored already in place of running.

An attempt that follows a failure or a crash, in this process or on another machine with the same storage, does not
run again what was stored; nor does a task whose cache key leads to a result. Within a transaction results are only
staged, and stored when that is committed.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from functools import partial
from typing import Any

from alisio.contract.states import StateName, StateType
from alisio.engine.effects import Block, Effect, Steps
from alisio.engine.places import Place, place_of
from alisio.engine.rules import describe
from alisio.engine.runs import FlowRun, TaskRun
from alisio.logging import RunLogger
from alisio.results.options import ResultRules
from alisio.results.records import pack, pack_pointer, unpack
from alisio.results.reference import StoredResult, location_in
from alisio.results.storage import ResultStorage
from alisio.states import State


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
    try:
        place = place_of(run, rules)
    except Exception as error:
        state = yield from to_end
        return _not_kept(run, state, describe(error)) if state.type is StateType.COMPLETED else state
    keeping = _Keeping(run, place)
    yield from keeping.locking()
    try:
        found = yield from keeping.recalling()
        if found is not None:
            to_end.close()
            return found
        return (yield from keeping.storing((yield from to_end)))
    finally:
        keeping.unlock()


class _Keeping:
    """One run on its way past its place."""

    def __init__(self, run: TaskRun | FlowRun, place: Place) -> None:
        self.run = run
        self.place = place
        self.locked = False
        self.notes: list[str] = []
        if place.fault is not None:
            self._note(f"not cached, as its cache key could not be made: {place.fault}")

    def locking(self) -> Generator[Effect, Any, None]:
        if self.place.lock is None:
            return
        try:
            self.locked = yield self.place.lock.taking()
        except Exception as error:
            self._note(f"its cache key could not be locked: {describe(error)}")

    def unlock(self) -> None:
        """Give the lock back; or leave that to the transaction in which the result was staged."""
        lock, transaction = self.place.lock, self.run.transaction
        if lock is None or not self.locked:
            return
        if transaction is not None and transaction.is_staged():
            transaction.hold(lock)
        else:
            lock.release()

    def recalling(self) -> Generator[Effect, Any, State[Any] | None]:
        """Take the result that is stored, if there is one that can be read."""
        if not self.place.searched:
            return None
        try:
            found = yield Block(partial(_read, self.place))
        except Exception as error:
            self._note(f"its stored result could not be used, so it ran again: {describe(error)}")
            return None
        if found is None:
            return None
        identity, value, stored = found
        again = identity is not None and identity == self.place.identity
        key = self.place.found_as or self.place.key
        message = "its result was stored by an earlier attempt" if again else f"its result was stored as {key}"
        RunLogger(self.run).info("not run: %s", message)
        state: State[Any] = State(StateType.COMPLETED, None if again else StateName.CACHED, message, value)
        if self.run.transaction is not None:
            self.run.transaction.take_as_committed()
        return kept(self.run, state, stored)

    def storing(self, state: State[Any]) -> Steps:
        """Store a result, or stage it in the transaction that the run is part of."""
        if state.type is not StateType.COMPLETED:
            return state
        state = _with_notes(self.run, state, self.notes)
        transaction = self.run.transaction
        if transaction is not None and transaction.defers:
            transaction.stage_result(self.place)
            return state
        try:
            yield Block(partial(_write, self.place, state))
        except Exception as error:
            return _not_kept(self.run, state, describe(error))
        return kept(self.run, state, self.place.result)

    def _note(self, what: str) -> None:
        self.notes.append(what)
        RunLogger(self.run).warning("%s", what)


def kept(run: TaskRun | FlowRun, state: State[Any], stored: StoredResult) -> State[Any]:
    """Make the state of a run whose result is stored."""
    in_memory = run.definition.results.cache_result_in_memory is not False
    data = state.data if in_memory else stored
    return State(state.type, state.name, state.message, data, None, run.task_run_id, stored)


def records_of(place: Place, state: State[Any]) -> list[tuple[ResultStorage, str, bytes]]:
    """Give what is to be written for a result: its record, and, where keys are kept elsewhere, a pointer to it.

    Raises:
        Exception: The result cannot be serialised.
    """
    expires = None if place.seconds is None else time.time() + place.seconds
    record = pack(state.result(), place.serializer, place.identity, expires)
    records = [(place.storage, place.key, record)]
    if place.key_storage is not None and place.found_as is not None:
        pointer = pack_pointer((location_in(place.storage, place.key), place.key), expires)
        records.append((place.key_storage, place.found_as, pointer))
    return records


def _not_kept(run: TaskRun | FlowRun, state: State[Any], reason: str) -> State[Any]:
    RunLogger(run).warning("its result is not stored: %s", reason)
    return _with_notes(run, state, [f"its result is not stored: {reason}"])


def _with_notes(run: TaskRun | FlowRun, state: State[Any], notes: list[str]) -> State[Any]:
    if not notes:
        return state
    message = "; ".join(filter(None, (state.message, *notes)))
    return State(state.type, state.name, message, state.data, None, run.task_run_id, state.stored)


def _read(place: Place) -> tuple[str | None, Any, StoredResult] | None:
    """Give who made what is stored there, the value, and where it lies; None where there is nothing to take."""
    storage, key = place.key_storage or place.storage, place.found_as or place.key
    if not storage.exists(key):
        return None
    record = unpack(storage.read(key))
    if record.expired:
        return None
    stored = place.result
    if record.at is not None:
        stored = record.elsewhere(record.at, place.serializer, place.storage)
    return record.identity, record.value(place.serializer, place.storage), stored


def _write(place: Place, state: State[Any]) -> None:
    for storage, key, content in records_of(place, state):
        storage.write(key, content)
