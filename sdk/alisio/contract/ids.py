"""Identifiers. Standard library only."""

from __future__ import annotations

import os
import time
from uuid import UUID

_RANDOM_BITS = 74


def new_id() -> UUID:
    """Make a UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits.

    Such ids sort by the time they were made, so a table's primary key grows at one end, and a client can name
    a row before any server has seen it.

    Returns:
        The new identifier.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) >> (80 - _RANDOM_BITS)
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76
    value |= (random >> 62) << 64
    value |= 0b10 << 62
    value |= random & (2**62 - 1)
    return UUID(int=value)
