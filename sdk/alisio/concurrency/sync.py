"""Limits of concurrency and rate for code that blocks.

with concurrency("database", occupy=1):
    ...
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from alisio.concurrency.keeper import Watch, current_keeper
from alisio.concurrency.options import checked
from alisio.concurrency.slots import give_back, take
from alisio.contract.limits import SlotMode
from alisio.engine.either import run
from alisio.engine.timeouts import interrupt
from alisio.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencyLeaseLostError,
    ConcurrencySlotAcquisitionError,
    ConcurrencySlotReleaseError,
    TerminationSignal,
)
from alisio.logging import get_logger

__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencyLeaseLostError",
    "ConcurrencySlotAcquisitionError",
    "ConcurrencySlotReleaseError",
    "concurrency",
    "rate_limit",
]


@contextmanager
def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 300,
    strict: bool = False,
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,
) -> Generator[None]:
    """Hold slots of named limits while the block lasts.

    In a flow run they live on its lease: a run that has crashed holds none, and one of which nothing is heard none
    after 90 seconds. Elsewhere they have a lease of their own, which a thread renews.

    Args:
        names: The limits; slots are taken of all of them, or of none.
        occupy: How many slots of each.
        timeout_seconds: How long to wait for them; None: as long as it takes.
        max_retries: How often to ask for them again; None: as often as it takes.
        lease_duration: Seconds, 60 to 86400: how long they are held, outside of flow runs, after the process was
            last heard of.
        strict: Whether it is an error that a limit is not there, or that slots are lost or cannot be given back.
            Else nothing is limited by a limit that is not there, and a line in the log says so.
        holder: Who is shown as holding them: a `type` (flow_run, task_run or deployment) and an `id`. By default the
            task run or flow run whose code this is.
        raise_on_lease_renewal_failure: Whether the block's code is stopped when its slots are lost; by default what
            `strict` says.

    Raises:
        AcquireConcurrencySlotTimeoutError: There were no slots in time.
        ConcurrencySlotAcquisitionError: There will be none: more are wanted than there are, `max_retries` are used,
            or a limit is not there and `strict` is set.
        ConcurrencyLeaseLostError: The slots were lost, and the block was stopped.
        ConcurrencySlotReleaseError: They could not be given back, and `strict` is set.
        ValueError: An option cannot be used.
    """
    wanted = checked(
        names,
        occupy,
        timeout_seconds,
        max_retries=max_retries,
        lease_duration=lease_duration,
        strict=strict,
        holder=holder,
    )
    held = run(take(wanted, _warn_of_event_loop))
    stops = strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure
    watch = Watch(partial(interrupt, threading.get_ident()) if stops else None)
    current_keeper().keep(held, watch)
    try:
        try:
            yield
        finally:
            current_keeper().drop(held)
            watch.end()
    except BaseException as error:
        run(give_back(held))
        if isinstance(error, KeyboardInterrupt | TerminationSignal) and watch.lost is not None and watch.stops:
            raise ConcurrencyLeaseLostError(watch.lost) from None
        raise
    run(give_back(held, strict=strict and watch.lost is None))
    watch.check()


def rate_limit(
    names: str | list[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """Wait until slots of limits of rate are free, and take them. They come back by the limits' slot decay.

    Args:
        names: The limits; each must have a slot decay.
        occupy: How many slots of each.
        timeout_seconds: How long to wait; None: as long as it takes.
        strict: Whether it is an error that a limit is not there.

    Raises:
        AcquireConcurrencySlotTimeoutError: There were none in time.
        ConcurrencySlotAcquisitionError: There will be none: a limit has no slot decay, more slots are wanted than it
            has, or it is not there and `strict` is set.
        ValueError: An option cannot be used.
    """
    wanted = checked(names, occupy, timeout_seconds, strict=strict, mode=SlotMode.RATE_LIMIT)
    run(take(wanted, _warn_of_event_loop))


def _warn_of_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    get_logger("concurrency").warning(
        "the event loop stands still while this waits for slots: use alisio.concurrency.asyncio in asynchronous code"
    )
