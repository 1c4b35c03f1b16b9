"""Task runs as transactions: what a run stages at its end, and is told when that is committed or rolled back.

Every task run is a transaction of its own; but nothing is made of it before somebody asks, or hooks or a transaction
around it need one. So a run that has nothing to do with transactions does not pay for them.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from alisio.context import current_task_run, current_transaction
from alisio.contract.states import StateName, StateType
from alisio.engine import either
from alisio.engine.base_run import Run
from alisio.engine.commits import Write
from alisio.engine.effects import Effect
from alisio.engine.history import StateEntry
from alisio.engine.jsonable import clean_text
from alisio.engine.persistence import kept, records_of
from alisio.engine.places import Place
from alisio.engine.runs import TaskRun
from alisio.engine.transactions import BaseTransaction
from alisio.states import State
from alisio.transactions import CommitMode, TransactionState


class TaskTransaction(BaseTransaction):
    """The transaction of one task run, or of one attempt of it.

    Args:
        run: The task run.
        parent: The transaction around it.
    """

    def __init__(self, run: TaskRun, parent: BaseTransaction | None) -> None:
        super().__init__()
        self.run = run
        self.parent = parent
        self.commit_mode = CommitMode.LAZY if parent is None else parent.commit_mode
        self.state = TransactionState.ACTIVE
        self._place: Place | None = None
        self._end: State[Any] | None = None

    @property
    def defers(self) -> bool:
        """Whether the result of the run is to be stored with others'."""
        return self.parent is not None or bool(self.children)

    def take_as_committed(self) -> None:
        """Note that the run's result was there already: there is nothing to commit, and nothing to undo."""
        self.state = TransactionState.COMMITTED

    def stage_result(self, place: Place) -> None:
        """Keep in mind where the run's result is to be stored."""
        self._place = place
        self.key = place.found_as or place.key
        self.state = TransactionState.STAGED

    def end_with(self, run: TaskRun, state: State[Any]) -> Generator[Effect, Any, None]:
        """End it with the run's final state, which is recorded already."""
        if state.type is not StateType.COMPLETED:
            yield from self.rollback_steps()
            return
        self._end = state
        if not self.is_committed():
            hooks = run.definition.hooks
            self.stage(state.data, hooks.get("on_rollback"), hooks.get("on_commit"))
        yield from self.settle_steps()

    def records(self) -> list[Write]:
        """Give the record of the run's result, where it is to be stored."""
        if self._place is None or self._end is None:
            return []
        return [Write(*record) for record in records_of(self._place, self._end)]

    def on_committed(self) -> None:
        """Have the run's state say where its result is stored."""
        run, state, place = self.run, self._end, self._place
        if run is None or state is None or place is None:
            return
        state.stored = place.result
        state.data = kept(run, state, state.stored).data
        location = state.stored.location
        run.history[-1] = run.history[-1]._replace(result=None if location is None else clean_text(location))
        _tell(run)

    def on_rolled_back(self) -> None:
        """Have the run's state say that it was undone."""
        if self.run is not None and self._end is not None:
            message = "rolled back: the transaction that it was part of was not committed"
            self._end.name, self._end.message = StateName.ROLLED_BACK, message
            self.run.history.append(StateEntry(StateType.COMPLETED, StateName.ROLLED_BACK, message, time.time()))
            _tell(self.run)


def current() -> BaseTransaction | None:
    """Give the innermost transaction that this code is part of; that of a task run is made now, if need be."""
    opened = current_transaction.get()
    run = current_task_run.get()
    if run is None or (opened is not None and opened.run is run):
        return opened
    if run.transaction is None:
        run.transaction = TaskTransaction(run, opened)
    return run.transaction


def join(run: TaskRun) -> None:
    """Make a new task run part of the transaction that calls it."""
    run.transaction = TaskTransaction(run, current())


def ended(run: TaskRun, state: State[Any]) -> Generator[Effect, Any, None]:
    """End the transaction of a task run that has come to its final state."""
    if run.transaction is not None:
        yield from run.transaction.end_with(run, state)


def aborted(run: TaskRun) -> None:
    """Roll the transaction of a task run back, as something has ended the run from outside."""
    if run.transaction is not None:
        either.run(run.transaction.rollback_steps())


def started_over(run: Run) -> Generator[Effect, Any, None]:
    """Undo what an attempt has done that failed, as another one follows."""
    if isinstance(run, TaskRun) and run.transaction is not None:
        yield from run.transaction.rollback_steps()
        run.transaction = TaskTransaction(run, run.transaction.parent)


def _tell(run: TaskRun) -> None:
    """Tell the history of a run anew: it has changed after the run's end. When its flow is over nobody hears of it."""
    if run.outbox is not None and run.flow_run is not None and not run.flow_run.root.closed:
        run.outbox.put(run)
