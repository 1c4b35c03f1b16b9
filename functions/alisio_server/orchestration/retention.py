"""Purging what is kept no longer: ended runs with all of theirs, logs, the audit log, events, and objects nobody has.

It is done in small bites, each a transaction of its own, and for a short time a tick, so that nobody waits for it.
The states of a run, the events of its life, are part of the run and go with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, delete, exists, or_, select, update

from alisio_server.database.access_tables import audit_log
from alisio_server.database.around_tables import event
from alisio_server.database.tables import bundle, clockwork, deployment, flow_run, log, task_run
from alisio_server.orchestration.artifact_data import purge_data
from alisio_server.orchestration.bites import BUDGET_SECONDS, NOTHING, Bite, take_bites
from alisio_server.orchestration.bundles import bundle_key
from alisio_server.orchestration.removal import remove_rows, remove_runs
from alisio_server.services import Services, Transaction

BUNDLE_GRACE = timedelta(days=1)
"""How long a bundle stays that no deployment has any more: a run claimed before may still fetch it."""

_RUNS = 100
_BUNDLES = 20
_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
_is_used = exists().where(deployment.c.bundle == bundle.c.sha256)


def purge(services: Services, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Remove what the retention lets go, until all of it is gone or the time is over.

    Args:
        services: The database, the objects, and how long things are kept.
        budget_seconds: How long to go on; a transaction that has begun is ended.

    Returns:
        How many rows were removed.
    """
    end = time.monotonic() + budget_seconds
    return sum(take_bites(services, step, end) for step in _steps(services))


def _steps(services: Services) -> list[Callable[[Transaction], Bite]]:
    kept = services.retention
    steps: list[Callable[[Transaction], Bite]] = []
    if (logs := kept.logs) is not None:
        steps.append(lambda tx: _purge_parts(tx, log, clockwork.c.logs_purged_until, logs))
    if (task_runs := kept.task_runs) is not None:
        steps.append(lambda tx: _purge_parts(tx, task_run, clockwork.c.task_runs_purged_until, task_runs))
    if (runs := kept.flow_runs) is not None:
        steps.append(lambda tx: _purge_runs(tx, runs))
    if (entries := kept.audit_log) is not None:
        steps.append(lambda tx: remove_rows(tx, audit_log, audit_log.c.timestamp <= tx.now() - entries))
    if (events := kept.events) is not None:
        steps.append(lambda tx: remove_rows(tx, event, event.c.occurred <= tx.now() - events))
    return [*steps, lambda tx: _purge_bundles(tx, services), lambda tx: purge_data(tx, services)]


def _purge_parts(tx: Transaction, table: Table, mark: Column[Any], kept: timedelta) -> Bite:
    """Remove the logs or task runs of the next runs, in the order in which they ended.

    The mark says up to which end this was done, so no run is looked at twice; one that is retried ends later.
    """
    done = tx.connection.execute(select(mark)).scalar_one() or _BEGINNING
    ended = flow_run.c.ended
    window = select(ended).where(ended > done, ended <= tx.now() - kept).order_by(ended).limit(_RUNS)
    ends = tx.connection.execute(window).scalars().all()
    if not ends:
        return NOTHING
    runs = select(flow_run.c.id).where(ended > done, ended <= ends[-1])
    bite = remove_rows(tx, table, table.c.flow_run_id.in_(runs))
    if bite.more:
        return bite
    tx.connection.execute(update(clockwork).values({mark: ends[-1]}))
    return Bite(bite.rows, len(ends) == _RUNS)


def removable(ended_by: datetime, now: datetime) -> ColumnElement[bool]:
    """Make the condition on `flow_run` that it may go: a root that ended by an instant.

    A run that stands for a time to come stays, so that no other one is made for it; one that is still cancelling what
    it has started stays until it is done.
    """
    is_over = or_(flow_run.c.occurrence.is_(None), flow_run.c.occurrence <= now)
    is_root = flow_run.c.root_flow_run_id == flow_run.c.id
    return and_(is_root, flow_run.c.ended <= ended_by, is_over, flow_run.c.cancels_linked.is_(None))


def _purge_runs(tx: Transaction, kept: timedelta) -> Bite:
    now = tx.now()
    wanted = select(flow_run.c.id).where(removable(now - kept, now)).order_by(flow_run.c.ended).limit(_RUNS)
    ids = tx.connection.execute(wanted.with_for_update(skip_locked=True)).scalars().all()
    if not ids:
        return NOTHING
    bite = remove_runs(tx, ids)
    return Bite(bite.rows, bite.more or len(ids) == _RUNS)


def _purge_bundles(tx: Transaction, services: Services) -> Bite:
    now = tx.now()
    since = bundle.c.unused_since
    tx.connection.execute(update(bundle).where(since.is_not(None), _is_used).values(unused_since=None))
    tx.connection.execute(update(bundle).where(since.is_(None), ~_is_used).values(unused_since=now))
    gone = select(bundle.c.sha256).where(since <= now - BUNDLE_GRACE, ~_is_used).limit(_BUNDLES)
    names = tx.connection.execute(gone.with_for_update(of=bundle, skip_locked=True)).scalars().all()
    for sha256 in names:
        # Before the commit: once the row is gone, the same content may be stored anew at any time.
        services.objects.delete(bundle_key(sha256))
    tx.connection.execute(delete(bundle).where(bundle.c.sha256.in_(names)))
    return Bite(len(names), len(names) == _BUNDLES)
