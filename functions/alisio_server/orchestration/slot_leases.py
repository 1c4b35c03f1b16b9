"""Taking slots of named limits, renewing their leases, giving them back, and ending the leases of those who are gone.

Whoever gets no slots keeps a place in the queue, for as long as it asks again in time: slots that come free are for
those who have waited longest, so that nobody starves, not even one who wants many.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, exists, insert, or_, select, tuple_, update

from alisio.contract.limits import SILENT_RUN_SECONDS, SlotAnswer, SlotMode, SlotRequest
from alisio_server.database.limit_tables import concurrency_lease, concurrency_lease_slots, concurrency_limit
from alisio_server.database.tables import flow_run
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration.leases import LEASE
from alisio_server.orchestration.slot_counts import Taken, count_taken, decaying_at, holds
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

TICKET_SECONDS = 15.0
"""How much later than it was told somebody may ask again without losing its place."""

_SHORTEST_DELAY, _LONGEST_DELAY = 0.1, 30.0
_WAITED_SHARE = 0.1
_LONGEST_STEP = 5.0
_COMES_BACK = timedelta(hours=1)
_SILENT_RUN = timedelta(seconds=SILENT_RUN_SECONDS)
_LEAST = 1e-9
_lease = concurrency_lease.c


def acquire_slots(tx: Transaction, lease_id: UUID, wanted: SlotRequest) -> SlotAnswer:
    """Take slots of several limits, all or none. The same lease takes them once, however often it asks.

    Args:
        tx: The transaction.
        lease_id: Chosen by who asks.
        wanted: Which limits, how many slots, and on whose lease.

    Returns:
        Whether they were taken; else when to ask again.

    Raises:
        NotFoundError: `flow_run_not_found`.
        ConflictError: `stale_attempt`: the attempt does not hold the lease of its run.
        InvalidInputError: `too_many_slots`: a limit has not as many. `no_slot_decay`: one is no limit of rate.
    """
    now = tx.now()
    _check_run(tx, wanted)
    limits = _lock_limits(tx, wanted.names)
    missing = sorted(set(wanted.names) - {row.name for row in limits})
    active = [row for row in limits if row.active]
    _check_fit(active, wanted)
    mine = tx.connection.execute(select(concurrency_lease).where(_lease.id == lease_id)).one_or_none()
    if mine is not None and not mine.waiting:
        _renew(tx, mine, now)
        return SlotAnswer(granted=True, held=True, missing=missing)
    asked = now if mine is None else mine.asked
    taken = count_taken(tx.connection, [row.id for row in active], now, (asked, lease_id)) if active else {}
    left = {row.id: _left(row, taken.get(row.id, Taken()), now) - wanted.slots for row in active}
    if all(slots >= -_LEAST for slots in left.values()):
        held = _grant(tx, lease_id, wanted, active, now)
        free = int(min(left.values(), default=0) + _LEAST)
        return SlotAnswer(granted=True, held=held, missing=missing, free_slots=free)
    delay = max(_delay(row, taken.get(row.id, Taken()), -left[row.id], now - asked) for row in active)
    _queue_up(tx, lease_id, wanted, active, asked, now + timedelta(seconds=delay + TICKET_SECONDS))
    return SlotAnswer(granted=False, missing=missing, delay_seconds=delay)


def renew_lease(tx: Transaction, lease_id: UUID) -> float:
    """Say that the holder of slots lives.

    Args:
        tx: The transaction.
        lease_id: The lease; of one that lives on a run's, the reports of the run are the sign of life.

    Returns:
        For how many seconds its slots are held at least, if nothing more is heard of the holder.

    Raises:
        ConflictError: `lease_lost`: its slots are not held any more.
    """
    now = tx.now()
    of_run = select(flow_run.c.lease_until).where(
        flow_run.c.id == _lease.flow_run_id, flow_run.c.attempt == _lease.attempt
    )
    held = (
        select(concurrency_lease, of_run.scalar_subquery().label("run_until"))
        .where(_lease.id == lease_id, holds(now))
        .with_for_update(of=concurrency_lease)
    )
    row = tx.connection.execute(held).one_or_none()
    if row is None:
        message = (
            f"the slots of lease {lease_id} are not held any more: it was not renewed in time, or its run lost its own"
        )
        raise ConflictError(message, code="lease_lost")
    if row.flow_run_id is not None:
        until = row.expires if row.run_until is None else max(row.run_until, now) + _SILENT_RUN
        return float((until - now).total_seconds())
    _renew(tx, row, now)
    return float(row.lease_seconds)


def _renew(tx: Transaction, row: Row[Any], now: datetime) -> None:
    """Renew a lease of slots' own; one that lives on a run's is renewed by its reports."""
    if row.flow_run_id is None:
        expires = now + timedelta(seconds=row.lease_seconds)
        renewed = update(concurrency_lease).where(_lease.id == row.id).values(expires=expires, extended=False)
        tx.connection.execute(renewed)


def give_back(tx: Transaction, lease_id: UUID) -> None:
    """Give the slots of a lease back, or its place in the queue up. It is no error where there are none."""
    tx.connection.execute(delete(concurrency_lease).where(_lease.id == lease_id))


def keep_slots_of_silent(tx: Transaction, attempts: Collection[tuple[UUID, int]]) -> None:
    """Let attempts whose leases end now, as nothing was heard of them, hold their slots for a while: they may live.

    Whoever holds slots strictly has stopped by then, and a network that was slow has let its reports through.

    Args:
        tx: The transaction.
        attempts: The runs, and which attempt of each.
    """
    if attempts:
        theirs = (tuple_(_lease.flow_run_id, _lease.attempt).in_(list(attempts)), ~_lease.waiting)
        kept = update(concurrency_lease).where(*theirs).values(expires=tx.now() + _SILENT_RUN)
        tx.connection.execute(kept)


def note_return(tx: Transaction, run_id: UUID) -> None:
    """Say that a run which was believed dead has come back: its slots live on its lease again."""
    mine = (_lease.flow_run_id == run_id, ~_lease.waiting)
    tx.connection.execute(update(concurrency_lease).where(*mine).values(expires=None))


def end_slot_leases(tx: Transaction) -> int:
    """Remove the leases that were not renewed in time, and those of attempts that are over.

    A run that was believed dead may come back, for an hour here; its slots count when it does.

    Returns:
        How many ended.
    """
    now = tx.now()
    may_come_back = flow_run.c.provisional & (flow_run.c.state_timestamp > now - _COMES_BACK)
    lives = exists().where(
        flow_run.c.id == _lease.flow_run_id,
        flow_run.c.attempt == _lease.attempt,
        or_(flow_run.c.lease_until.is_not(None), may_come_back),
    )
    expired = _lease.expires < now
    of_its_own = and_(expired, or_(_lease.flow_run_id.is_(None), _lease.waiting))
    of_a_run = and_(_lease.flow_run_id.is_not(None), ~lives, or_(_lease.waiting, _lease.expires.is_(None), expired))
    over = or_(of_its_own, of_a_run)
    return tx.connection.execute(delete(concurrency_lease).where(over)).rowcount


def spare_slot_leases(tx: Transaction, now: datetime) -> int:
    """Move every lease of slots' own on by one lease of a run, once, after an outage of ours."""
    late = (_lease.expires < now + LEASE, _lease.flow_run_id.is_(None), ~_lease.waiting, ~_lease.extended)
    spared = update(concurrency_lease).where(*late).values(expires=now + LEASE, extended=True)
    return tx.connection.execute(spared).rowcount


def _check_run(tx: Transaction, wanted: SlotRequest) -> None:
    if wanted.flow_run_id is None:
        return
    of_run = select(flow_run.c.attempt, flow_run.c.lease_until).where(flow_run.c.id == wanted.flow_run_id)
    run = tx.connection.execute(of_run).one_or_none()
    if run is None:
        message = f"there is no flow run with id {wanted.flow_run_id}"
        raise NotFoundError(message, code="flow_run_not_found", field="flow_run_id")
    if run.lease_until is None or run.attempt != wanted.attempt:
        message = f"attempt {wanted.attempt} of flow run {wanted.flow_run_id} does not hold its lease"
        raise ConflictError(message, code="stale_attempt", field="attempt")


def _lock_limits(tx: Transaction, names: Sequence[str]) -> Sequence[Row[Any]]:
    """Lock limits in the order of their names, so that two who want the same ones take turns and do not deadlock."""
    wanted = (
        select(concurrency_limit).where(concurrency_limit.c.name.in_(set(names))).order_by(concurrency_limit.c.name)
    )
    # `key_share`: slots refer to the same rows.
    return tx.connection.execute(wanted.with_for_update(key_share=True)).all()


def _check_fit(limits: Sequence[Row[Any]], wanted: SlotRequest) -> None:
    for row in limits:
        if wanted.mode is SlotMode.RATE_LIMIT and row.slot_decay_per_second == 0:
            update_it = f"`alisio gcl update {row.name} --slot-decay-per-second N`"
            message = f"concurrency limit {row.name!r} has no slot decay: {update_it}"
            raise InvalidInputError(message, code="no_slot_decay", field="names")
        if wanted.slots > row.limit:
            message = (
                f"concurrency limit {row.name!r} has {row.limit} slots, fewer than the {wanted.slots} that are wanted"
            )
            raise InvalidInputError(message, code="too_many_slots", field="slots")


def _left(limit: Row[Any], taken: Taken, now: datetime) -> float:
    return float(limit.limit - taken.held - taken.awaited - decaying_at(limit, now))


def _grant(tx: Transaction, lease_id: UUID, wanted: SlotRequest, limits: Sequence[Row[Any]], now: datetime) -> bool:
    """Write down that slots are taken; returns whether any of them are to be given back."""
    give_back(tx, lease_id)
    for row in limits:
        if row.slot_decay_per_second > 0:
            counted = {"decaying": decaying_at(row, now) + wanted.slots, "decayed_at": now}
            tx.connection.execute(update(concurrency_limit).where(concurrency_limit.c.id == row.id).values(counted))
    kept = [row for row in limits if row.slot_decay_per_second == 0]
    if not kept:
        return False
    expires = None if wanted.flow_run_id is not None else now + timedelta(seconds=wanted.lease_seconds)
    values = _lease_values(lease_id, wanted) | {"waiting": False, "asked": now, "expires": expires}
    tx.connection.execute(insert(concurrency_lease), values)
    _write_slots(tx, lease_id, wanted, kept)
    return True


def _queue_up(
    tx: Transaction,
    lease_id: UUID,
    wanted: SlotRequest,
    limits: Sequence[Row[Any]],
    asked: datetime,
    expires: datetime,
) -> None:
    values = _lease_values(lease_id, wanted) | {"waiting": True, "asked": asked, "expires": expires}
    statement = insert_into(tx, concurrency_lease).values(values)
    again = statement.on_conflict_do_update(index_elements=["id"], set_={"expires": expires})
    tx.connection.execute(again)
    _write_slots(tx, lease_id, wanted, limits)


def _lease_values(lease_id: UUID, wanted: SlotRequest) -> dict[str, Any]:
    return {
        "id": lease_id,
        "flow_run_id": wanted.flow_run_id,
        "attempt": wanted.attempt,
        "lease_seconds": wanted.lease_seconds,
        "extended": False,
        "holder": None if wanted.holder is None else wanted.holder.model_dump(mode="json"),
    }


def _write_slots(tx: Transaction, lease_id: UUID, wanted: SlotRequest, limits: Sequence[Row[Any]]) -> None:
    rows = [{"limit_id": row.id, "lease_id": lease_id, "slots": wanted.slots} for row in limits]
    tx.connection.execute(insert_into(tx, concurrency_lease_slots).on_conflict_do_nothing(), rows)


def _delay(limit: Row[Any], taken: Taken, lacking: float, waited: timedelta) -> float:
    """Say when to ask again: of a limit of rate when its slots will be back, else later the longer it has taken."""
    if lacking <= 0:
        return _SHORTEST_DELAY
    if limit.slot_decay_per_second > 0:
        return float(min(max(lacking / limit.slot_decay_per_second, 0.001), _LONGEST_DELAY))
    step = min(max(_WAITED_SHARE * waited.total_seconds(), _SHORTEST_DELAY), _LONGEST_STEP)
    return float(min(step * (1 + taken.awaited / max(limit.limit, 1)), _LONGEST_DELAY))
