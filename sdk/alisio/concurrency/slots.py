"""Taking slots of named limits and giving them back: the core that sync and async share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from alisio.client.shared import drop_shared_client, shared_client
from alisio.concurrency.bells import Bell, ring_for, waiting_for
from alisio.concurrency.options import Wanted
from alisio.context import current_flow_run
from alisio.contract.base import first_problem
from alisio.contract.ids import new_id
from alisio.contract.limits import SILENT_RUN_SECONDS, SlotAnswer, SlotRequest
from alisio.engine.effects import Block, Effect
from alisio.engine.pausing import attempt_of, known
from alisio.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ApiError,
    ApiUnreachableError,
    ConcurrencySlotAcquisitionError,
    ConcurrencySlotReleaseError,
    NotFoundError,
)
from alisio.logging import get_logger
from alisio.utilities.clocks import elapsed_seconds

if TYPE_CHECKING:
    from alisio.client.client import Client
    from alisio.engine.runs import FlowRun

OUTAGE_DELAY_SECONDS = 2.0
"""How long to wait before the server is asked again that did not answer."""

KNOWN_SECONDS = 15.0
"""How long a run by hand may take to be known to the server."""

RETURN_SECONDS = 30.0
"""How long a run whose lease has ended may take to have its next report accepted, which brings it back."""

_JITTER = 0.1
_TICK_SECONDS = 5.0
_logger = get_logger("concurrency")


class Held(NamedTuple):
    """Slots that were taken.

    Attributes:
        names: Of which limits.
        lease_id: None where there is nothing to be given back.
        lasts: For how many seconds from `since` on they are held for certain.
        on_run: They live on the lease of a run.
        since: When they were asked for, by `elapsed_seconds`.
    """

    names: tuple[str, ...]
    lease_id: UUID | None
    lasts: float
    on_run: bool
    since: float = 0.0


def take(wanted: Wanted, on_wait: Callable[[], None] | None = None) -> Generator[Effect, Any, Held]:
    """Take slots of all the limits, or wait until there are as many.

    Args:
        wanted: What, and how long to wait.
        on_wait: Called once, where they cannot be had at once.

    Returns:
        What is held.

    Raises:
        AcquireConcurrencySlotTimeoutError: There were none in time.
        ConcurrencySlotAcquisitionError: There will be none: the server refuses, or `max_retries` are used.
    """
    root = None if (run := current_flow_run.get()) is None else run.root
    lasts = wanted.lease_seconds if root is None else SILENT_RUN_SECONDS
    held = Held(wanted.names, None, lasts, root is not None)
    if not wanted.names:
        return held
    with waiting_for(wanted.names) as bell:
        asking = _Asking(wanted, root, bell, on_wait)
        try:
            answer = yield from asking.until_granted()
        except BaseException:
            asking.abandon()
            raise
    if asking.has_waited and answer.free_slots > 0:
        # There is room for more than the one who was woken.
        ring_for(wanted.names)
    if answer.missing and wanted.explicit:
        _logger.warning("there is no concurrency limit %s: nothing is limited by it", _shown(answer.missing))
    return held._replace(lease_id=asking.lease_id, since=asking.asked) if answer.held else held


def give_back(held: Held, *, strict: bool = False) -> Generator[Effect, Any, None]:
    """Give slots back.

    Raises:
        ConcurrencySlotReleaseError: It did not succeed, and `strict` is set. Else that is logged: they come back with
            the end of their lease.
    """
    if held.lease_id is None:
        return
    error = yield Block(partial(_release, held.lease_id))
    ring_for(held.names)
    if error is not None:
        message = f"slots of {_shown(held.names)} could not be given back, and are held until their lease ends: {error}"
        if strict:
            raise ConcurrencySlotReleaseError(message) from error
        _logger.warning("%s", message)


class _Asking:
    """Asks for slots until they are granted.

    Attributes:
        lease_id: What they are held by, and its place in the queue until then.
        has_waited: They were not granted at once.
        asked: When it asked last, by `elapsed_seconds`.
    """

    def __init__(self, wanted: Wanted, root: FlowRun | None, bell: Bell, on_wait: Callable[[], None] | None) -> None:
        self.lease_id = new_id()
        self.has_waited = False
        self.asked = 0.0
        self._wanted = wanted
        self._root = root
        self._bell = bell
        self._on_wait = on_wait
        self._request = _request_of(wanted, root)
        self._end = None if wanted.timeout_seconds is None else time.monotonic() + wanted.timeout_seconds
        self._known_by = time.monotonic() + KNOWN_SECONDS
        self._back_by: float | None = None
        self._tries = 0
        self._ticked = time.monotonic()
        self._was_away = False
        self._is_unknown = False
        self._abandoned = False

    def until_granted(self) -> Generator[Effect, Any, SlotAnswer]:
        """Ask, wait as long as the server says or until somebody here gives slots back, and ask again."""
        while True:
            self._bell.silence()
            answer = yield Block(self._ask)
            if self._is_unknown and self._root is not None and self._tries == 1:
                answer = yield from self._ask_when_known(self._root)
            if answer is not None and answer.granted:
                return answer  # type: ignore[no-any-return]  # what an effect answers has no type
            delay = self._delay(answer)
            if not self.has_waited:
                self.has_waited = True
                if self._on_wait is not None:
                    self._on_wait()
            yield Block(partial(self._bell.wait, delay), partial(self._bell.wait_async, delay))

    def abandon(self) -> None:
        """Give up what was asked for; what is granted in this moment is given back by who asks."""
        self._abandoned = True
        if self._tries:
            _release(self.lease_id)
            ring_for(self._wanted.names)

    def _ask_when_known(self, root: FlowRun) -> Generator[Effect, Any, SlotAnswer | None]:
        """Ask once more, when the server has been told of a run by hand that has only just begun."""
        try:
            yield from known(root)
        except ApiUnreachableError:
            return None
        return (yield Block(self._ask))  # type: ignore[no-any-return]

    def _ask(self) -> SlotAnswer | None:
        """Ask once; None where the server does not answer, or does not know the run."""
        self._tries += 1
        try:
            client = shared_client()
        except ApiUnreachableError as error:
            self._note_away(error)
            return None
        try:
            self._tick(client)
            self.asked = elapsed_seconds()
            answer = client.take_concurrency_slots(self.lease_id, self._request)
        except ApiUnreachableError as error:
            drop_shared_client(client)
            self._note_away(error)
            return None
        except NotFoundError as error:
            # Its process, which may be another one, is about to tell the server of it.
            if error.code == "flow_run_not_found" and time.monotonic() < self._known_by:
                self._is_unknown = True
                return None
            raise self._refused(error) from error
        except ApiError as error:
            if error.status >= 500 or error.status == 429 or self._may_come_back(error):
                self._note_away(error)
                return None
            raise self._refused(error) from error
        if self._abandoned:
            _release(self.lease_id)
        return self._checked(answer)

    def _may_come_back(self, error: ApiError) -> bool:
        """Tell whether the run is refused only because its reports did not get through for a while."""
        if error.code != "stale_attempt":
            return False
        if self._back_by is None:
            self._back_by = time.monotonic() + RETURN_SECONDS
        return time.monotonic() < self._back_by

    def _checked(self, answer: SlotAnswer) -> SlotAnswer:
        self._back_by = None
        if answer.missing and self._wanted.strict:
            _release(self.lease_id)
            missing = _shown(answer.missing)
            raise ConcurrencySlotAcquisitionError(
                f"there is no concurrency limit {missing}: create it with `alisio gcl create NAME --limit N`"
            )
        return answer

    def _tick(self, client: Client) -> None:
        # Where no server ends the leases of those who are gone, who waits for their slots does.
        if self._tries > 1 and time.monotonic() - self._ticked >= _TICK_SECONDS:
            self._ticked = time.monotonic()
            client.tick_if_embedded()

    def _note_away(self, error: Exception) -> None:
        if not self._was_away:
            self._was_away = True
            _logger.warning("waiting for slots of %s: %s", _shown(self._wanted.names), error)

    def _refused(self, error: ApiError) -> ConcurrencySlotAcquisitionError:
        message = f"slots of {_shown(self._wanted.names)} cannot be taken: {error.message}"
        return ConcurrencySlotAcquisitionError(message, error.code)

    def _delay(self, answer: SlotAnswer | None) -> float:
        """Tell how long to wait before the next try.

        Raises:
            AcquireConcurrencySlotTimeoutError: The time is over.
            ConcurrencySlotAcquisitionError: No try is left.
        """
        names, wanted = _shown(self._wanted.names), self._wanted
        if wanted.max_retries is not None and self._tries > wanted.max_retries:
            tries = "1 try" if self._tries == 1 else f"{self._tries} tries"
            raise ConcurrencySlotAcquisitionError(f"slots of {names} were not free in {tries}")
        delay = OUTAGE_DELAY_SECONDS if answer is None else answer.delay_seconds * random.uniform(1, 1 + _JITTER)
        if self._end is None:
            return delay
        left = self._end - time.monotonic()
        if left <= 0:
            raise AcquireConcurrencySlotTimeoutError(
                f"slots of {names} were not free within {wanted.timeout_seconds:g} s"
            )
        return min(delay, left)


def _request_of(wanted: Wanted, root: FlowRun | None) -> SlotRequest:
    said: dict[str, Any] = {
        "names": list(wanted.names),
        "slots": wanted.slots,
        "mode": wanted.mode,
        "lease_seconds": wanted.lease_seconds,
        "holder": wanted.holder,
    }
    if root is not None:
        said |= {"flow_run_id": root.id, "attempt": attempt_of(root)}
    try:
        return SlotRequest.model_validate(said)
    except ValidationError as error:
        place, reason = first_problem(error.errors())
        raise ConcurrencySlotAcquisitionError(
            f"slots of {_shown(wanted.names)} cannot be taken: {place}: {reason}"
        ) from error


def _release(lease_id: UUID) -> Exception | None:
    """Give slots, or a place in the queue, back; tell what went wrong."""
    try:
        shared_client().give_concurrency_slots_back(lease_id)
    except (ApiError, ApiUnreachableError) as error:
        return error
    return None


def _shown(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
