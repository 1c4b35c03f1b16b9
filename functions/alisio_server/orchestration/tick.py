"""One pass of the clockwork. Safe to run twice, or twice at once; it only calls what does the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from alisio_server.database.tables import clockwork
from alisio_server.orchestration.agents import forget_agents
from alisio_server.orchestration.claims import forget_claims
from alisio_server.orchestration.deployment_limits import hold_back_beyond_limits
from alisio_server.orchestration.hourly_counts import count_hours
from alisio_server.orchestration.lateness import mark_late
from alisio_server.orchestration.leases import TICK_SECONDS
from alisio_server.orchestration.linked_runs import go_on_cancelling
from alisio_server.orchestration.overlaps import hold_back
from alisio_server.orchestration.pauses import close_pauses, expire_pauses
from alisio_server.orchestration.reaping import end_leases, guard_leases
from alisio_server.orchestration.retention import purge
from alisio_server.orchestration.scheduling.materialise import materialise_lagging
from alisio_server.orchestration.scheduling.timers import repair_timers
from alisio_server.orchestration.slot_leases import end_slot_leases
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.wake_up_sources import forget_deleted_queues
from alisio_server.orchestration.waking import send_due_wake_ups
from alisio_server.services import Services, Transaction

_AWAY_AFTER_INTERVALS = 3
_KEEP_CLAIMS = timedelta(hours=1)
_KEEP_AGENTS = timedelta(days=7)

LINKED_SECONDS = 5.0
"""How long one tick may go on cancelling what cancelled runs have started: there can be thousands, and schedules and
wake-ups wait behind them."""


@dataclass
class TickSummary:
    """What one tick did.

    Attributes:
        materialised: Runs made for schedules.
        woken: Wake-ups sent.
        extended: Leases moved on because of an outage of ours.
        ended: Leases ended.
        expired: Suspended runs that nobody has resumed in time.
        cancelled: Runs dealt with to cancel what cancelled ones have started.
        held_back: Runs of schedules or of deployments with a limit that were skipped, or wait for others.
        late: Runs marked Late.
        purged: Rows removed that are kept no longer.
        counted: Hours whose runs were counted.
        failed: The parts that failed, and why; the others were done. Whoever ticks says so, once and not each time.
    """

    materialised: int = 0
    woken: int = 0
    extended: int = 0
    ended: int = 0
    expired: int = 0
    cancelled: int = 0
    held_back: int = 0
    late: int = 0
    purged: int = 0
    counted: int = 0
    failed: dict[str, Exception] = field(default_factory=dict)


def tick(services: Services, interval_seconds: float = TICK_SECONDS) -> TickSummary:
    """Materialise schedules, end leases, hold back, mark late runs, ring, purge, count; each in own transactions.

    Args:
        services: The database and the ports.
        interval_seconds: How often ticks come; three times as long without one means that we were away.

    Returns:
        What was done. A part that fails does not keep the others from being done.
    """
    summary = TickSummary()
    _attempt(summary, "leases", lambda: _leases(services, interval_seconds, summary))
    _attempt(summary, "pauses", lambda: _pauses(services, summary))
    _attempt(summary, "linked runs", lambda: _linked_runs(services, summary))
    _attempt(summary, "schedules", lambda: _schedules(services, summary))
    _attempt(summary, "timers", lambda: repair_timers(services))
    _attempt(summary, "overlaps", lambda: _overlaps(services, summary))
    _attempt(summary, "lateness", lambda: _lateness(services, summary))
    _attempt(summary, "wake-ups", lambda: _wake_ups(services, summary))
    _attempt(summary, "deleted work queues", lambda: forget_deleted_queues(services))
    _attempt(summary, "purge", lambda: _purge(services, summary))
    _attempt(summary, "hourly counts", lambda: _counts(services, summary))
    return summary


def _attempt(summary: TickSummary, part: str, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        # Whatever it is, the next tick tries again; the other parts do not wait for it.
        summary.failed[part] = error


def _leases(services: Services, interval_seconds: float, summary: TickSummary) -> None:
    with services.transaction() as tx:
        previous = _note_tick(tx)
        away = timedelta(seconds=interval_seconds * _AWAY_AFTER_INTERVALS)
        was_away = previous is not None and tx.now() - previous > away
        summary.extended = guard_leases(tx, was_away=was_away)
    for ended in _batches(services, end_leases):
        summary.ended += ended
    with services.transaction() as tx:
        summary.ended += end_slot_leases(tx)


def _note_tick(tx: Transaction) -> datetime | None:
    previous = tx.connection.execute(select(clockwork.c.last_tick).with_for_update()).scalar_one_or_none()
    now = tx.now()
    statement = insert_into(tx, clockwork).values(id=1, last_tick=now)
    tx.connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"last_tick": now}))
    return previous


def _schedules(services: Services, summary: TickSummary) -> None:
    last: UUID | None = None
    while True:
        with services.transaction() as tx:
            made, last = materialise_lagging(tx, last)
        summary.materialised += made
        if last is None:
            return


def _pauses(services: Services, summary: TickSummary) -> None:
    for expired in _batches(services, expire_pauses):
        summary.expired += expired
    for _ in _batches(services, close_pauses):
        pass


def _linked_runs(services: Services, summary: TickSummary) -> None:
    end = time.monotonic() + LINKED_SECONDS
    for dealt_with in _batches(services, go_on_cancelling):
        summary.cancelled += dealt_with
        if time.monotonic() >= end:
            return


def _overlaps(services: Services, summary: TickSummary) -> None:
    for step in (hold_back, hold_back_beyond_limits):
        for held_back in _batches(services, step):
            summary.held_back += held_back


def _lateness(services: Services, summary: TickSummary) -> None:
    for marked in _batches(services, mark_late):
        summary.late += marked


def _batches(services: Services, step: Callable[[Transaction], int]) -> Iterator[int]:
    """Take a step, each time in a transaction of its own, until it finds nothing more to do."""
    while True:
        with services.transaction() as tx:
            done = step(tx)
        if done == 0:
            return
        yield done


def _wake_ups(services: Services, summary: TickSummary) -> None:
    while sent := send_due_wake_ups(services.database, services.wake_ups):
        summary.woken += sent


def _purge(services: Services, summary: TickSummary) -> None:
    with services.transaction() as tx:
        now = tx.now()
        summary.purged = forget_claims(tx, now - _KEEP_CLAIMS) + forget_agents(tx, now - _KEEP_AGENTS)
    summary.purged += purge(services)


def _counts(services: Services, summary: TickSummary) -> None:
    summary.counted = count_hours(services)
