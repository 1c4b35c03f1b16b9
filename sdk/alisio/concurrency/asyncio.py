"""Limits of concurrency and rate for code that awaits.

async with concurrency("database", occupy=1):
    ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from alisio.concurrency.keeper import Watch, current_keeper
from alisio.concurrency.options import checked
from alisio.concurrency.slots import give_back, take
from alisio.contract.limits import SlotMode
from alisio.engine.either import awaited
from alisio.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencyLeaseLostError,
    ConcurrencySlotAcquisitionError,
    ConcurrencySlotReleaseError,
)

__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencyLeaseLostError",
    "ConcurrencySlotAcquisitionError",
    "ConcurrencySlotReleaseError",
    "concurrency",
    "rate_limit",
]


@asynccontextmanager
async def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 300,
    strict: bool = False,
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,
) -> AsyncGenerator[None]:
    """Hold slots of named limits while the block lasts; see `alisio.concurrency.sync.concurrency`.

    Args:
        names: The limits; slots are taken of all of them, or of none.
        occupy: How many slots of each.
        timeout_seconds: How long to wait for them; None: as long as it takes.
        max_retries: How often to ask for them again; None: as often as it takes.
        lease_duration: Seconds, 60 to 86400: how long they are held, outside of flow runs, after the process was
            last heard of.
        strict: Whether it is an error that a limit is not there, or that slots are lost or cannot be given back.
        holder: Who is shown as holding them: a `type` and an `id`.
        raise_on_lease_renewal_failure: Whether the block's code is stopped when its slots are lost; by default what
            `strict` says.

    Raises:
        AcquireConcurrencySlotTimeoutError: There were no slots in time.
        ConcurrencySlotAcquisitionError: There will be none.
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
    held = await awaited(take(wanted))
    stops = strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure
    task = asyncio.current_task()
    watch = Watch(_canceller(task) if stops and task is not None else None)
    current_keeper().keep(held, watch)
    try:
        try:
            yield
        finally:
            current_keeper().drop(held)
            watch.end()
    except BaseException as error:
        await awaited(give_back(held))
        if isinstance(error, asyncio.CancelledError) and watch.lost is not None and task is not None and watch.stops:
            if task.uncancel() > 0:
                # Somebody else has cancelled it too.
                raise
            raise ConcurrencyLeaseLostError(watch.lost) from None
        raise
    await awaited(give_back(held, strict=strict and watch.lost is None))
    watch.check()


async def rate_limit(
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
        ConcurrencySlotAcquisitionError: There will be none.
        ValueError: An option cannot be used.
    """
    await awaited(take(checked(names, occupy, timeout_seconds, strict=strict, mode=SlotMode.RATE_LIMIT)))


def _canceller(task: asyncio.Task[Any]) -> Callable[[], None]:
    def cancel() -> None:
        task.get_loop().call_soon_threadsafe(task.cancel)

    return cancel
