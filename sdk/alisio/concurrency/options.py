"""What user code wants of named limits, read from what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from alisio.context import current_flow_run, current_task_run
from alisio.contract.limits import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS, HolderType, SlotMode

_MOST_NAMES = 100


class Wanted(NamedTuple):
    """What is to be taken, and how long to wait for it.

    Attributes:
        names: The limits.
        slots: How many of each.
        timeout_seconds: How long to wait; None: as long as it takes.
        max_retries: How often to ask again; None: as often as it takes.
        lease_seconds: How long slots are held after the last sign of life, outside of runs.
        strict: A limit that is not there is an error.
        holder: Who takes them.
        explicit: Somebody has named the limits, and is told of those that are not there.
    """

    names: tuple[str, ...]
    slots: int = 1
    mode: SlotMode = SlotMode.CONCURRENCY
    timeout_seconds: float | None = None
    max_retries: int | None = None
    lease_seconds: float = 300.0
    strict: bool = False
    holder: Mapping[str, Any] | None = None
    explicit: bool = True


def checked(
    names: str | Iterable[str],
    occupy: int,
    timeout_seconds: float | None,
    *,
    max_retries: int | None = None,
    lease_duration: float = 300.0,
    strict: bool = False,
    holder: Any = None,
    mode: SlotMode = SlotMode.CONCURRENCY,
) -> Wanted:
    """Read what user code wants.

    Raises:
        ValueError: An option cannot be used.
    """
    several = [names] if isinstance(names, str) else list(names)
    for name in several:
        if not isinstance(name, str) or not 0 < len(name) <= 200:
            raise ValueError(f"names must be names of limits, of 1 to 200 characters, not {name!r}")
    if len(several) > _MOST_NAMES:
        raise ValueError(f"names may be {_MOST_NAMES} at most, not {len(several)}")
    if type(occupy) is not int or occupy < 1:
        raise ValueError(f"occupy must be a whole number from 1 up, not {occupy!r}")
    if timeout_seconds is not None and not (_is_number(timeout_seconds) and timeout_seconds >= 0):
        raise ValueError(f"timeout_seconds must be 0 or more, or None, not {timeout_seconds!r}")
    if max_retries is not None and (type(max_retries) is not int or max_retries < 0):
        raise ValueError(f"max_retries must be a whole number from 0 up, or None, not {max_retries!r}")
    if not (_is_number(lease_duration) and MIN_LEASE_SECONDS <= lease_duration <= MAX_LEASE_SECONDS):
        raise ValueError(f"lease_duration must be from 60 to 86400 seconds, not {lease_duration!r}")
    return Wanted(
        names=tuple(dict.fromkeys(several)),
        slots=occupy,
        mode=mode,
        timeout_seconds=timeout_seconds,
        max_retries=max_retries,
        lease_seconds=lease_duration,
        strict=strict,
        holder=holder_here() if holder is None else _checked_holder(holder),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _checked_holder(holder: Any) -> dict[str, str]:
    given = holder if isinstance(holder, Mapping) else {key: getattr(holder, key, None) for key in ("type", "id")}
    try:
        return {"type": HolderType(str(given["type"])).value, "id": str(UUID(str(given["id"])))}
    except (KeyError, ValueError):
        kinds = ", ".join(kind.value for kind in HolderType)
        raise ValueError(f"holder must be a type ({kinds}) and an id, not {holder!r}") from None


def holder_here() -> dict[str, str] | None:
    """Name the run whose code this is."""
    task_run, flow_run = current_task_run.get(), current_flow_run.get()
    if task_run is not None:
        return {"type": HolderType.TASK_RUN.value, "id": str(task_run.id)}
    return None if flow_run is None else {"type": HolderType.FLOW_RUN.value, "id": str(flow_run.id)}
