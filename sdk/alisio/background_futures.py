"""Futures of background tasks: waiting for them, and finding them in what other tasks are asked for with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from alisio.client import Client, open_client
from alisio.contract.states import StateType
from alisio.engine.arguments import rebuilt
from alisio.engine.either import Core, awaited, blocking, run
from alisio.engine.provenance import LEAVES
from alisio.flow_runs import until_ended, with_state
from alisio.results.background import read_failure
from alisio.utilities.annotations import Annotation, opaque, quote

if TYPE_CHECKING:
    from alisio.states import State

R = TypeVar("R")


class BackgroundFuture(Generic[R]):
    """A task that was asked for, and is run by another process. `Task.delay` and `Task.apply_async` make it.

    It can be pickled, and be an argument of another task that is asked for: that one is given its result.

    Attributes:
        flow_run_id: The run that the task is the only one of.
    """

    def __init__(self, flow_run_id: UUID) -> None:
        self.flow_run_id = flow_run_id
        self._end: State[R] | None = None

    def __repr__(self) -> str:
        return f"BackgroundFuture({self.flow_run_id})"

    def __reduce__(self) -> tuple[type[BackgroundFuture[R]], tuple[UUID]]:
        """Pickle which run it is: whoever reads that asks the server."""
        return BackgroundFuture, (self.flow_run_id,)

    @property
    def state(self) -> State[R]:
        """The state that it is in now, as the server says."""
        return run(self._look(0))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has come to its end, or this many seconds have passed."""
        run(self._look(timeout))

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait without blocking the event loop."""
        await awaited(self._look(timeout))

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the result.

        Args:
            timeout: How many seconds at most; None: until it has ended.
            raise_on_failure: Give the exception back, in place of raising it.

        Raises:
            TimeoutError: It has not ended in time.
            Exception: What the task raised, where that can be read here.
            RunError: It failed otherwise, crashed or was cancelled; the text is its state's message.
        """
        return self._ended(run(self._look(timeout)), timeout).result(raise_on_failure=raise_on_failure)

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the result without blocking the event loop; see `result`."""
        state = self._ended(await awaited(self._look(timeout)), timeout)
        return await state.aresult(raise_on_failure=raise_on_failure)

    def _look(self, timeout: float | None) -> Core[State[R]]:
        if self._end is not None:
            return self._end
        client: Client = yield from blocking(open_client)
        try:
            seen = yield from until_ended(client, self.flow_run_id, timeout, 1.0)
        finally:
            client.close()
        state: State[R] = with_state(seen).state  # type: ignore[assignment]  # it is one from here on
        if state.type is StateType.FAILED:
            state.data = yield from blocking(partial(read_failure, seen.parameters.get("arguments")))
        if state.is_final():
            self._end = state
        return state

    def _ended(self, state: State[R], timeout: float | None) -> State[R]:
        if not state.is_final():
            raise TimeoutError(f"background task {self.flow_run_id} has not ended within {timeout} s")
        return state


def with_futures(value: Any, change: Callable[[BackgroundFuture[Any]], Any], around: tuple[int, ...] = ()) -> Any:
    """Put something in the place of each future of a background task that is in a value, but for what is quoted.

    Args:
        value: The value; it is not changed itself.
        change: Gives what takes a future's place.
        around: The ids of what it lies in: what holds itself is left alone.

    Returns:
        The same object where nothing has changed in it, else a copy.
    """
    if type(value) in LEAVES or id(value) in around:
        return value
    if isinstance(value, BackgroundFuture):
        return change(value)
    if isinstance(value, quote) or (isinstance(value, opaque) and not isinstance(value.value, BackgroundFuture)):
        return value
    if isinstance(value, Annotation):
        return type(value)(with_futures(value.value, change, around))
    within = (*around, id(value))
    return rebuilt(value, lambda part: with_futures(part, change, within))


def unended(value: Any) -> list[UUID]:
    """Give the runs of the background tasks whose futures are in a value, but for those that are known to have ended.

    Returns:
        Their ids, each once, in the order in which they were asked for.
    """
    seen: set[UUID] = set()

    def note(future: BackgroundFuture[Any]) -> BackgroundFuture[Any]:
        if future._end is None:
            seen.add(future.flow_run_id)
        return future

    with_futures(value, note)
    return sorted(seen)
