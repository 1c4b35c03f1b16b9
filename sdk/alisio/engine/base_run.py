"""What flow runs and task runs have in common: their states, and how these are recorded."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.contract.ids import new_id
from alisio.contract.states import DEFAULT_NAMES, StateName, StateType
from alisio.engine.history import StateEntry, to_records
from alisio.engine.jsonable import clean_text
from alisio.results.options import ResultRules, rules_within
from alisio.utilities.forks import whole_in_forks

if TYPE_CHECKING:
    from alisio.engine.definition import Definition
    from alisio.engine.outbox import Outbox
    from alisio.engine.transacting import TaskTransaction
    from alisio.states import State


_recording = whole_in_forks(threading.Lock())
"""Held while a state is added to a history. One for all: there may be very many runs."""


class Run:
    """What flow runs and task runs have in common.

    Attributes:
        history: Its states, oldest first.
        run_count: How often its code was started.
        outbox: Where its news go; None: nobody keeps them.
        closed: Nothing more is recorded of it.
        ending: The state that it has ended in, while hooks are called before that is recorded; else None.
        streams: Somebody iterates over what its function yields.
        identity: By which other attempts know a task run or a subflow run; None: nobody has asked.
        results: What holds for its result; None: it is not stored.
        transaction: That of a task run; None: nobody has asked for it.
    """

    transaction: TaskTransaction | None = None
    __slots__ = (
        "closed",
        "definition",
        "ending",
        "history",
        "id",
        "identity",
        "log_prints",
        "name",
        "outbox",
        "results",
        "run_count",
        "streams",
        "tags",
    )

    def __init__(
        self,
        definition: Definition,
        outbox: Outbox | None,
        tags: list[str],
        log_prints: bool,
        around: ResultRules | None,
    ) -> None:
        self.definition: Definition = definition
        self.id: UUID = new_id()
        self.name: str = ""
        self.tags: list[str] = tags
        self.history: list[StateEntry] = []
        self.outbox: Outbox | None = outbox
        self.log_prints: bool = log_prints
        self.results = rules_within(definition.results, around)
        self.run_count: int = 0
        self.closed: bool = False
        self.ending: StateEntry | None = None
        self.streams: bool = False
        self.identity: str | None = None

    @property
    def task_run_id(self) -> UUID | None:
        """Its id, where it is a task run."""
        return None

    def note(
        self, type_: StateType, name: str | None = None, message: str | None = None, result: str | None = None
    ) -> None:
        """Record that it is in a new state now; its words are made fit for the wire."""
        if self.closed:
            return
        name = DEFAULT_NAMES[type_] if name is None else clean_text(name, 100)
        message = None if message is None else clean_text(message)
        result = None if result is None else clean_text(result)
        entry = StateEntry(type_, name, message, time.time(), result)
        self._record(entry, closes=type_.is_terminal or name == StateName.SUSPENDED)

    def entry_of(self, state: State[Any]) -> StateEntry:
        """Make the line of its history for a state that it comes to now; the words are made fit for the wire."""
        message = None if state.message is None else clean_text(state.message)
        location = None if state.stored is None else state.stored.location
        result = None if location is None else clean_text(location)
        return StateEntry(state.type, clean_text(state.name, 100), message, time.time(), result)

    def note_end(self, state: State[Any]) -> None:
        """Record the state that it ended in, as of when it came to it."""
        if self.ending is None:
            self.note(state.type, state.name, state.message, None if state.stored is None else state.stored.location)
        else:
            self.note_ending()

    def note_ending(self) -> None:
        """Record the state that is kept in `ending`, if one is."""
        if self.ending is not None:
            self._record(self.ending, closes=True)

    def _record(self, entry: StateEntry, *, closes: bool) -> None:
        """Add a state to its history, unless that is closed: somebody may abandon it while it comes to its end."""
        with _recording:
            if self.closed:
                return
            # In this order: who sees it closed sees its last state as well.
            self.history.append(entry)
            self.closed = closes
        if self.outbox is not None:
            self.outbox.put(self)

    def state_records(self) -> list[dict[str, Any]]:
        """Give the history as the contract wants it; of a very long one, the first and the latest states."""
        return to_records(list(self.history))
