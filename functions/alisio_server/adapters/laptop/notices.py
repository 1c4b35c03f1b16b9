"""Wake-ups as notifications of PostgreSQL: sending them, and how they are written.

A ring's number is the database's clock, read under a lock that is held until the commit. PostgreSQL hands
notifications out in the order of their commits (https://www.postgresql.org/docs/current/sql-notify.html), so in every
process that listens numbers only grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from alisio_server.database.engine import Database
from alisio_server.database.instants import to_microseconds
from alisio_server.ports import WakeUp

CHANNEL = "alisio_wake_ups"
"""What to listen to."""

# The first eight letters of the channel's name, as a number: no other user of the database is likely to lock it.
_LOCK_KEY = int.from_bytes(b"alisio_w")
# Nobody waits for the disk: who listens hears it at the commit, and what a crash loses comes with the next tick.
_LOCK = "set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(:key)"
_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_TAKE_LOCK = text(f"SELECT {_LOCK}").bindparams(key=_LOCK_KEY)
_NUMBER = text(f"SELECT {_CLOCK}")
# One round trip. The clock is read for rows of `locked`, so when the lock is held.
_NOTIFY = text(
    f"WITH locked AS MATERIALIZED (SELECT {_LOCK}) "
    f"SELECT pg_notify(:channel, {_CLOCK} || payload) FROM locked, unnest(CAST(:payloads AS text[])) AS payload"
).bindparams(key=_LOCK_KEY, channel=CHANNEL)
# A payload has 8000 bytes at most, and a wake-up takes up to 82 of them.
_IN_ONE_PAYLOAD = 90
_MICROSECOND = timedelta(microseconds=1)


class Notifier:
    """The `WakeUps` port of a process that shares PostgreSQL with the servers: it tells them all.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Tell every server process.

        Raises:
            OSError: The database cannot be reached.
        """
        given = list(wake_ups)
        if not given:
            return
        payloads = [_write(given[start : start + _IN_ONE_PAYLOAD]) for start in range(0, len(given), _IN_ONE_PAYLOAD)]
        try:
            with self._database.glance() as connection:
                connection.execute(_NOTIFY, {"payloads": payloads})
        except SQLAlchemyError as error:
            raise OSError(f"PostgreSQL cannot be notified: {getattr(error, 'orig', None) or error}") from error


def take_number(connection: Connection) -> int:
    """Take the number of a ring: the database's clock in microseconds since 1970.

    The lock is held until the transaction ends, so numbers grow in the order of commits.
    """
    connection.execute(_TAKE_LOCK)
    number: int = connection.execute(_NUMBER).scalar_one()
    return number


def _write(wake_ups: Iterable[WakeUp]) -> str:
    """Write what follows the number."""
    return "".join(
        f";{wake_up.work_queue_id.hex}{wake_up.flow_run_id.hex}{to_microseconds(wake_up.due)}" for wake_up in wake_ups
    )


def read_payload(payload: str, now: datetime) -> tuple[int, list[tuple[WakeUp, bool]]]:
    """Read a notification: its number, and its wake-ups with whether they are due later.

    Args:
        payload: As `Notifier` has it written.
        now: This process's time; when they are due is told by it, since the clocks of two machines differ.
    """
    number, *entries = payload.split(";")
    sent = int(number)
    wake_ups = []
    for entry in entries:
        delay = max(0, int(entry[64:]) - sent)
        wake_ups.append((WakeUp(UUID(entry[:32]), UUID(entry[32:64]), now + delay * _MICROSECOND), delay > 0))
    return sent, wake_ups
