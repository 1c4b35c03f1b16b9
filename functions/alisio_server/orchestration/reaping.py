"""Ending the leases that were not renewed, unless it was we who were away."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import func, select, update

from alisio_server.database.tables import flow_run
from alisio_server.orchestration.leases import LEASE
from alisio_server.orchestration.pauses import view_of_leased
from alisio_server.orchestration.proposals import LeaseEnded, Reject
from alisio_server.orchestration.slot_leases import keep_slots_of_silent, spare_slot_leases
from alisio_server.orchestration.stored_runs import lock_runs, store
from alisio_server.orchestration.transitions import propose
from alisio_server.services import Transaction

_BATCH = 200
_MASS_SHARE = 0.2
_MASS_AT_LEAST = 5
_log = logging.getLogger(__name__)


def guard_leases(tx: Transaction, *, was_away: bool) -> int:
    """Move every live lease on by one lease, once, if the clockwork was away or leases end in a mass.

    An outage of ours is not a crash of theirs. A lease that was moved on and not renewed since is not moved on
    again.

    Args:
        tx: The transaction.
        was_away: The previous tick is too long ago.

    Returns:
        How many leases were moved on.
    """
    now = tx.now()
    if not was_away and not _is_mass(tx, now):
        return 0
    spared = (
        update(flow_run)
        .where(flow_run.c.lease_until < now + LEASE, ~flow_run.c.lease_extended)
        .values(lease_until=now + LEASE, lease_extended=True)
    )
    count = tx.connection.execute(spared).rowcount + spare_slot_leases(tx, now)
    if count:
        why = "the clockwork was away" if was_away else "many leases end at once"
        _log.error("ALARM: %s: %d leases are moved on by %d s", why, count, LEASE.total_seconds())
    return count


def _is_mass(tx: Transaction, now: datetime) -> bool:
    leases = select(func.count(), func.count().filter(flow_run.c.lease_until < now)).where(
        flow_run.c.lease_until.is_not(None)
    )
    live, ending = tx.connection.execute(leases).one()
    return bool(ending >= _MASS_AT_LEAST and ending > _MASS_SHARE * live)


def end_leases(tx: Transaction) -> int:
    """End the leases that have run out, up to 200 of them.

    Args:
        tx: The transaction.

    Returns:
        How many ended.
    """
    now = tx.now()
    rows = lock_runs(tx, flow_run.c.lease_until < now, order_by=(flow_run.c.lease_until,), limit=_BATCH)
    keep_slots_of_silent(tx, [(row.id, row.attempt) for row in rows])
    for row in rows:
        verdict = propose(view_of_leased(tx, row), LeaseEnded(), now)
        if not isinstance(verdict, Reject):
            store(tx, row, verdict, now)
    return len(rows)
