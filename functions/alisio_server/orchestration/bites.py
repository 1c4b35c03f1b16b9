"""Work that a tick does beside its own, in small bites: each a transaction of its own, for a short time a tick."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select

from alisio_server.database.tables import clockwork
from alisio_server.services import Services, Transaction

BUDGET_SECONDS = 0.5
"""How long one tick may go on with such work."""


class Bite(NamedTuple):
    """How many rows one transaction dealt with, and whether it left something for the next one."""

    rows: int
    more: bool


NOTHING = Bite(0, False)


def take_bites(services: Services, step: Callable[[Transaction], Bite], end: float) -> int:
    """Go on with some work until there is no more of it, or the time is over.

    One tick at a time does: two at once would only wait for each other's locks.

    Args:
        services: The database.
        step: Takes one bite.
        end: Until when by `time.monotonic()` another one may be begun.

    Returns:
        How many rows were dealt with.
    """
    rows, more = 0, True
    while more and time.monotonic() < end:
        with services.transaction() as tx:
            bite = step(tx) if _is_my_turn(tx) else NOTHING
        rows += bite.rows
        more = bite.more
    return rows


def _is_my_turn(tx: Transaction) -> bool:
    turn = select(clockwork.c.id).with_for_update(skip_locked=True)
    return tx.connection.execute(turn).first() is not None
