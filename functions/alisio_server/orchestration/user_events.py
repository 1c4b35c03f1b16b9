"""Events that user code emits: storing them once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from alisio.contract.news import RESOURCE_ID, EventNews
from alisio_server.database.around_tables import event
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction


def store_events(tx: Transaction, news: Iterable[EventNews], now: datetime, run_id: UUID | None = None) -> int:
    """Store events. Those that are there already are left as they are: what has happened does not change.

    Args:
        tx: The transaction.
        news: The events.
        now: The database's time.
        run_id: The run that has emitted those that name none.

    Returns:
        How many were new.
    """
    told = {each.id: each for each in news}
    known = set(tx.connection.execute(select(event.c.id).where(event.c.id.in_(told))).scalars())
    rows = [
        {
            **each.model_dump(),
            "flow_run_id": each.flow_run_id or run_id,
            "resource_id": each.resource[RESOURCE_ID],
            "received": now,
        }
        for each in told.values()
        if each.id not in known
    ]
    if rows:
        tx.connection.execute(insert_into(tx, event).on_conflict_do_nothing(index_elements=["id"]), rows)
    return len(rows)
