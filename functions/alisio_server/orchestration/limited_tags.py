"""Which tags have a limit: told to executors with the answers to their reports, so that nobody has to ask.

Every report is answered with them, so they are read once in some seconds and not each time.
"""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

from sqlalchemy import select

from alisio.contract.tag_limits import TAG_PREFIX
from alisio_server.database.engine import Database
from alisio_server.database.limit_tables import concurrency_limit
from alisio_server.services import Transaction

_KEPT_SECONDS = 5.0
_known: WeakKeyDictionary[Database, tuple[float, list[str]]] = WeakKeyDictionary()
_LIMITED = (
    select(concurrency_limit.c.name)
    .where(concurrency_limit.c.name.startswith(TAG_PREFIX), concurrency_limit.c.active)
    .order_by(concurrency_limit.c.name)
)


def limited_tags(tx: Transaction) -> list[str]:
    """Tell which tags have a limit that holds, as of the last five seconds."""
    known = _known.get(tx.database)
    now = time.monotonic()
    if known is not None and now - known[0] < _KEPT_SECONDS:
        return known[1]
    names = tx.connection.execute(_LIMITED).scalars()
    # To SQLite `Tag:` begins like `tag:`.
    tags = [name.removeprefix(TAG_PREFIX) for name in names if name.startswith(TAG_PREFIX)]
    _known[tx.database] = (now, tags)
    return tags


def forget_limited_tags(database: Database) -> None:
    """Read them anew the next time: a limit was changed in this process."""
    _known.pop(database, None)
