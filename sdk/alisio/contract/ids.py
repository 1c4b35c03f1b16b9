"""Identifiers. Standard library only."""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

_DRAWN = struct.Struct("=512Q")
_FRESH_NANOSECONDS = 1_000_000_000


class _Spare(NamedTuple):
    """Random numbers of 64 bits that nobody has taken yet, and when the system gave them."""

    numbers: list[int]
    drawn: int


_spare = _Spare([], 0)


def new_id() -> UUID:
    """Make a UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, 12 of their fraction, 62 random ones.

    Such ids sort by the time they were made, to a quarter of a microsecond (method 3 of the RFC's section 6.2), so
    a table's primary key grows at one end, and a client can name a row before any server has seen it.

    Returns:
        The new identifier.
    """
    now = time.time_ns()
    milliseconds, nanoseconds = divmod(now, 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | _random_bits(now) >> 2)


def _random_bits(now: int) -> int:
    """Take 64 random bits.

    The system is asked for many at once: asking lets another thread go first, so that each id of a flow that submits
    tasks would wait for one of them. Old ones are thrown away: a snapshot of this process, thawed several times as
    Lambda does, must not give the same ones twice.
    """
    global _spare
    spare = _spare
    if 0 <= now - spare.drawn < _FRESH_NANOSECONDS:
        with suppress(IndexError):
            return spare.numbers.pop()
    numbers: list[int] = list(_DRAWN.unpack(os.urandom(_DRAWN.size)))
    mine = numbers.pop()
    _spare = _Spare(numbers, now)
    return mine


def _forget_spare() -> None:
    """Leave the random numbers to the process that this one is a fork of."""
    global _spare
    _spare = _Spare([], 0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_spare)


def flow_run_id_of(given: UUID | str | None) -> UUID:
    """Read what somebody gives as the id of a flow run.

    Raises:
        ValueError: It is none.
    """
    try:
        return given if isinstance(given, UUID) else UUID(str(given))
    except ValueError:
        raise ValueError(f"flow_run_id must be the id of a flow run, a UUID, not {given!r}") from None
