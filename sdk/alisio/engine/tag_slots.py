"""The slots that a task run takes of the limits of its tags, before it runs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from alisio.concurrency.options import Wanted
from alisio.concurrency.slots import Held, give_back, take
from alisio.contract.limits import HolderType
from alisio.contract.states import StateName, StateType
from alisio.contract.tag_limits import TAG_PREFIX
from alisio.engine.effects import Block, Effect, Steps
from alisio.engine.reporter import current_reporter
from alisio.engine.rules import failed
from alisio.engine.runs import TaskRun
from alisio.exceptions import ConcurrencySlotAcquisitionError
from alisio.states import Cancelled, State

FIRST_ANSWER_SECONDS = 5.0
"""How long the first task of a script that has tags waits for the server's answer to the first report."""


def tag_slots(run: TaskRun) -> Generator[Effect, Any, TagSlots | None]:
    """Find the limits that hold for a task run.

    A claimed run knows them from the start, and one by hand from the answer to its first report, which is sent now
    where it was not. Where the server does not answer, the run goes on with what is known.

    Returns:
        What takes the slots; None where none of its tags has a limit.
    """
    if run.outbox is None:
        return None
    known = run.outbox.limited_tags
    if not known.is_fresh:
        yield Block(partial(current_reporter().flush, FIRST_ANSWER_SECONDS))
        if not known.is_fresh:
            known.rely()
    limited = known.among(run.tags)
    return TagSlots(run, limited) if limited else None


class TagSlots:
    """Takes slots before each attempt of a task run, and gives them back after it: retries wait without them."""

    def __init__(self, run: TaskRun, tags: Sequence[str]) -> None:
        self._run = run
        self._tags = tags
        self._held: Held | None = None
        self._wanted = Wanted(
            names=tuple(f"{TAG_PREFIX}{tag}" for tag in tags),
            holder={"type": HolderType.TASK_RUN.value, "id": str(run.id)},
            explicit=False,
        )

    def take(self) -> Generator[Effect, Any, State[Any] | None]:
        """Take the slots, or wait for them.

        Returns:
            None; or the state that the run ends in, as it will get none.
        """
        try:
            self._held = yield from take(self._wanted, self._note_waiting)
        except ConcurrencySlotAcquisitionError as error:
            if error.code != "too_many_slots":
                return failed(self._run, error)
            return Cancelled(message=f"not run: the limit of one of its tags ({', '.join(self._tags)}) is 0")
        return None

    def around(self, attempt: Steps) -> Steps:
        """Make an attempt while slots are held."""
        if self._held is None:
            refused = yield from self.take()
            if refused is not None:
                return refused
            self._note_running_again()
        held, self._held = self._held, None
        assert held is not None
        try:
            state = yield from attempt
        except BaseException:
            # What aborts the run waits for nobody.
            _give_back_now(held)
            raise
        yield from give_back(held)
        return state

    def drop(self) -> None:
        """Give back what was taken for an attempt that was not made: something has stopped the run before it."""
        held, self._held = self._held, None
        if held is not None:
            _give_back_now(held)

    def _note_waiting(self) -> None:
        names = ", ".join(repr(tag) for tag in self._tags)
        message = f"It waits for a slot of the limit of its tags: {names}."
        self._run.note(StateType.SCHEDULED, StateName.AWAITING_CONCURRENCY_SLOT, message)

    def _note_running_again(self) -> None:
        if self._run.history[-1].name == StateName.AWAITING_CONCURRENCY_SLOT:
            self._run.note(StateType.RUNNING, StateName.RETRYING)


def _give_back_now(held: Held) -> None:
    from alisio.engine.either import run

    run(give_back(held))
